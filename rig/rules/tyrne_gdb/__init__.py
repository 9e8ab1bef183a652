"""The commands `tyrne ...` of a gdb session: Tyrne's own objects, read from the stopped guest.

Everything that knows Tyrne's data structures is in here; the rig's engine knows only that the pack
names `load.py`. Structures are read by the names that the image's debug information gives them.
"""
