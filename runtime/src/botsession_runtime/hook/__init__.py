"""The hook inside the bot's process: sends events to the supervisor, and carries out its commands.

Pipecat loads `agent.py`, which loads this, into a bot that knows nothing of it. So it stands alone (it imports none of
our other packages, and its own modules by relative names only: an unmodified command line has none of them on its path)
and must neither block, which would hang the bot, nor raise, which would leave the bot unwatched.
Pipecat is imported inside functions, since `launch` uses parts of this before Pipecat is there.
"""
