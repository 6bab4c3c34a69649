"""A bot that raises before it has a pipeline."""


def read_credentials():
    """Fail as a bot without its configuration does."""
    raise ValueError("no credentials")


async def bot(runner_args):
    """Never get anywhere."""
    read_credentials()
