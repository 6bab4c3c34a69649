"""Build a manifest from options. The only I/O is reading a body from a file."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from botsession_contract.names import API_VERSION, KIND
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.start.transport_options import (
    NO_TRANSPORT,
    TransportOptions,
    expose,
    flag,
    transport,
    without_empty,
)

Json = dict[str, Any]
_LAST_PART: Final = re.compile(r"(?:.*/)?([^:@/]+)")
#: How many characters of an image's name begin a session's name. A name has at most 63, and the server adds some.
MAX_STEM_LENGTH: Final = 40


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The options of `botsession start` about the session."""

    image: str | None = None
    target: str | None = None
    command: str | None = None
    body: str | None = None
    env: tuple[str, ...] = ()
    env_from_secret: tuple[str, ...] = ()
    max_duration: str | None = None
    idle_timeout: str | None = None
    farewell: str | None = None
    python: str | None = None
    transport_options: TransportOptions = NO_TRANSPORT

    def given_flags(self) -> list[str]:
        """Return the options that were given."""
        return list(_given_flags(self))


def build_manifest(name: str | None, options: StartOptions) -> Json:
    """Return a manifest; raise CliError where an option is invalid."""
    if not options.image:
        raise CliError(Exit.REFUSED, "set the bot's --image, or a manifest with -f FILE")
    if bool(options.target) == bool(options.command):
        raise CliError(Exit.REFUSED, "set either the bot's --target or a --command")
    if options.command and options.transport_options.transport:
        raise CliError(Exit.REFUSED, "--transport needs a --target, because a --command gets no runner arguments")
    spec = without_empty(
        bot=_bot(options),
        expose=expose(options.transport_options),
        maxSessionDuration=options.max_duration,
        idleTimeout=options.idle_timeout,
        shutdown={"farewell": options.farewell} if options.farewell else None,
    )
    named = {"name": name} if name else {"generateName": f"{stem(options.image)}-"}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": named, "spec": spec}


def pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    """Return the names and values of an option NAME=VALUE that may be given several times."""
    for each in given:
        if not each.partition("=")[0] or "=" not in each:
            raise CliError(Exit.REFUSED, f"{option} {each} is not NAME=VALUE")
    return dict(each.split("=", 1) for each in given)


def stem(image: str) -> str:
    """Return the image's own name as the beginning of a session's name."""
    found = _LAST_PART.match(image)
    plain = re.sub(r"[^a-z0-9-]+", "-", (found[1] if found else image).lower())
    return plain[:MAX_STEM_LENGTH].strip("-") or "bot"


def _given_flags(options: StartOptions | TransportOptions) -> Iterator[str]:
    for each in fields(options):
        value = getattr(options, each.name)
        if isinstance(value, TransportOptions):
            yield from _given_flags(value)
        elif value:
            yield flag(each.name)


def _bot(options: StartOptions) -> Json:
    env = [{"name": key, "value": value} for key, value in pairs(options.env, "--env").items()]
    return without_empty(
        image=options.image,
        target=options.target,
        command=_words(options.command),
        python=options.python,
        body=_body(options.body),
        transport=transport(options.transport_options),
        env=env,
        envFrom=[{"secretRef": {"name": secret}} for secret in options.env_from_secret],
    )


def _body(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except OSError as exc:
        raise CliError(Exit.NOT_FOUND, f"--body {text}: {exc.strerror}") from exc
    except ValueError as exc:
        raise CliError(Exit.REFUSED, f"--body is not JSON: {exc}") from exc
    except RecursionError:
        raise CliError(Exit.REFUSED, "--body is nested too deep") from None


def _words(command: str | None) -> list[str]:
    try:
        return shlex.split(command or "")
    except ValueError as exc:
        raise CliError(Exit.REFUSED, f"--command {command!r} is not a command line: {exc}") from exc
