"""`botsession`: the command line for a bot's author.

Here is what asks a cluster about sessions that are there, and what all commands share. A folder of its own has what
makes a session (`starting`), what runs one on this machine (`local`), what looks whether one could run (`checking`),
and the words and pictures that the others print (`telling`).
"""
