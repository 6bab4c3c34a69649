"""`botsession check` and `botsession doctor`: check that a session has what it needs before it starts."""
