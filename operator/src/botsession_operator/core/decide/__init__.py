"""What a pass does: whether a session ends and why, what is created and deleted, and when the next pass is due.

`plan.py` puts the rules together. They read `observe` and `webhook`, and never how a manifest or a status looks.
"""
