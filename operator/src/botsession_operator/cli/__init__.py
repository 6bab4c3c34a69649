"""`botsession`: the command line.

The modules here read and change sessions of a cluster, and hold what all commands share. `start/` creates sessions,
`run/` runs one on this machine, `check/` checks what a session needs, and `render/` turns sessions into text.
"""
