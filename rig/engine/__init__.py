"""The rig's engine: rule packs, expressions, processes, reports. It knows no particular guest."""
