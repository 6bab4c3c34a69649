"""A bot that tells what it was given, and what it finds in its environment; it runs no pipeline."""

import os


async def bot(runner_args):
    """Tell, and return."""
    connection = getattr(runner_args, "webrtc_connection", None)
    for server in getattr(connection, "ice_servers", None) or []:
        print("credential:", server.credential, flush=True)
    told = {name: getattr(runner_args, name) for name in FIELDS if hasattr(runner_args, name)}
    print("told:", type(runner_args).__name__, told, flush=True)
    print("environment:", [name for name in os.environ if name in SECRETS or "CREDENTIAL" in name], flush=True)


FIELDS = ("room_url", "room_name", "url", "application_id", "vonage_session_id", "token", "body", "session_id")
SECRETS = ("BOTSESSION_TOKEN",)
