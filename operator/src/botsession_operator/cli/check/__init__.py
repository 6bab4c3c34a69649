"""`botsession check` and `botsession doctor`: is what a session needs there, before it is needed?"""
