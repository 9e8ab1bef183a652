"""The commands `rig ...` of a gdb session, one module a subject."""
