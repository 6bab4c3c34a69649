"""The hook inside the bot's process: tells the supervisor what happens, and does what it asks.

Pipecat loads `agent.py`, which loads this, into a bot that knows nothing of it. So it stands alone (it imports none of
our other packages, and its own modules by relative names only: an unmodified command line has none of them on its path)
and treads lightly: a hook that blocks hangs the bot, one that raises leaves it unwatched, and both would be our fault.
Pipecat is imported inside functions, since `launch` uses parts of this before Pipecat is there.
"""
