"""What a pass has seen: raw objects and replies parsed into values that are certainly valid.

Imports no other topic of the core: nothing here decides, builds or reports.
"""
