"""The runtime: a supervisor beside the bot, and a small hook inside it."""
