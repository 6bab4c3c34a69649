"""`botsession start`: options become a manifest, and a manifest a session."""
