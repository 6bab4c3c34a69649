"""The kubelet's own `Expand`, ported line by line from k8s.io/kubernetes third_party/forked/golang/expansion.

It reads bytes, as Go does, and shares nothing with the operator's code, which it judges.
"""

from collections.abc import Mapping
from typing import Any

from botsession_contract.names import BOT_CONTAINER

DOLLAR, OPENER, CLOSER = b"$()"


#: The name of the pod itself, which the downward API tells.
OWN_NAME = "operator-7d9f8b6c5-x7k2p"


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Return what a container is given for a text of its manifest."""
    source, written = text.encode("utf-8", "surrogatepass"), bytearray()
    checkpoint = cursor = 0
    while cursor < len(source):
        if source[cursor] == DOLLAR and cursor + 1 < len(source):
            written += source[checkpoint:cursor]
            read, is_variable, advance = _try_read_variable_name(source[cursor + 1 :])
            written += _looked_up(read, environment) if is_variable else read
            cursor += advance
            checkpoint = cursor + 1
        cursor += 1
    return bytes(written + source[checkpoint:]).decode("utf-8", "surrogatepass")


def environment(container: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that the kubelet gives a container; `secrets` has the values of variables from Secrets."""
    known: dict[str, str] = {}
    for each in container["env"]:
        known[each["name"]] = _value(each, secrets, known)
    return known


def _value(variable: dict[str, Any], secrets: Mapping[str, str], known: Mapping[str, str]) -> str:
    source = variable.get("valueFrom")
    if source is None:
        return expand(variable.get("value", ""), known)
    if "fieldRef" in source:
        return {"metadata.name": OWN_NAME}[source["fieldRef"]["fieldPath"]]
    return secrets[variable["name"]]


def bot_environment(pod: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that the kubelet gives the bot's container."""
    (bot,) = (each for each in pod["spec"]["containers"] if each["name"] == BOT_CONTAINER)
    return environment(bot, secrets)


def _looked_up(name: bytes, environment: Mapping[str, str]) -> bytes:
    known = environment.get(name.decode("utf-8", "surrogatepass"))
    return b"$(" + name + b")" if known is None else known.encode("utf-8", "surrogatepass")


def _try_read_variable_name(rest: bytes) -> tuple[bytes, bool, int]:
    if rest[0] == DOLLAR:
        return b"$", False, 1
    if rest[0] == OPENER:
        end = rest.find(CLOSER, 1)
        return (rest[1:end], True, end + 1) if end > 0 else (b"$(", False, 1)
    # Go's string(byte): a byte above 127 becomes a character of two bytes.
    return b"$" + chr(rest[0]).encode(), False, 1
