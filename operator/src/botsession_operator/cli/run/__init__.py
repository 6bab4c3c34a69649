"""`botsession run`: a session on this machine, from the command's options to the last line on the terminal."""
