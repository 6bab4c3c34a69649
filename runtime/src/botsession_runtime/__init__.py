"""The runtime: a supervisor beside the bot, and a small hook inside it. Bots may use `set_result`."""

from botsession_runtime.result import set_result

__all__ = ["set_result"]
