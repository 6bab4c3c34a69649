"""The terminal's colours, by phase and by subject of a timeline's entry."""

from typing import Final

from botsession_contract.lifecycle import Phase

STYLES: Final[dict[str, str]] = {
    Phase.PENDING: "dim",
    Phase.STARTING: "cyan",
    Phase.RUNNING: "bold green",
    Phase.ENDING: "bold yellow",
    Phase.SUCCEEDED: "bold green",
    Phase.FAILED: "bold red",
    "client": "blue",
    "prompt": "blue",
    "sound": "blue",
    "caller": "magenta",
    "frame": "yellow",
    "step": "yellow",
    "trouble": "red",
}
