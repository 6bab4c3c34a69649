"""A bot that cannot take its arguments."""


async def bot():
    """Never be called."""
