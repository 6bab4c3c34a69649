"""`botsession`: the command line for a bot's author."""
