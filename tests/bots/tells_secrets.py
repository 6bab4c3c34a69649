"""A bot that tells what it was given, and what it finds in its environment; it ends with an
exception that gives its token away."""

import os


async def bot(runner_args):
    """Tell, and raise."""
    told = {name: getattr(runner_args, name) for name in FIELDS if hasattr(runner_args, name)}
    print(f"told: {type(runner_args).__name__} {told}", flush=True)
    print(f"environment: {[name for name in os.environ if name == 'BOTSESSION_TOKEN']}", flush=True)
    raise RuntimeError(f"the token is {getattr(runner_args, 'token', None)}")


FIELDS = ("room_url", "room_name", "url", "application_id", "vonage_session_id", "token", "body", "session_id")
