"""One pass over one session: `reconciler` calls the steps, and each step has a file.

A step may read through the ports and write through them. What is decided is decided in `core/`.
"""
