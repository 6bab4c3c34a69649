"""The operator on this machine: its own passes over a backend whose pods are supervisor processes.

The sibling of `operate`: it puts the same parts together, without a cluster. `botsession run` and tests use it.
"""
