"""The BotSession resource as the operator reads and writes it. Standard library only."""
