"""`botsession start`: build a manifest from options, and create the session."""
