"""Takes secrets out of what is reported: an exception may quote a key, and a session's status is read by many. Pure.

What is secret is known by its name, in the environment and in the body, or because it came out of a Secret; and by
its form, in a URL or in an Authorization header. It is replaced before a text is shortened, or half a key would stay.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from botsession_contract.conversation import Conversation, ProcessorErrors
from botsession_contract.report import ExitReport
from botsession_contract.result import ResultError, to_json
from botsession_contract.text import one_line

Text = TypeVar("Text", str, str | None)

REDACTED: Final = "[redacted]"
#: Shorter values are found by chance in text that has nothing to do with them.
SHORTEST_SECRET: Final = 6
#: Characters that a person reads of an exception's text.
LONGEST_MESSAGE: Final = 500

_WORDS: Final = "api_?key|key|token|secret|passw(?:or)?d|credentials?"
_SECRET_NAME: Final = re.compile(rf"(?:^|_)(?:{_WORDS})s?(?:_|$)", re.IGNORECASE)
#: Variables that images, shells, container runtimes and Kubernetes set by custom, and no Secret.
_ORDINARY: Final = re.compile(
    r"""PATH|HOME|HOSTNAME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|USER|LOGNAME|SHELL|SHLVL|PWD|OLDPWD|_|container
    |DEBIAN_FRONTEND|LD_LIBRARY_PATH|VIRTUAL_ENV|CONDA_PREFIX|UV_PROJECT_ENVIRONMENT|SSL_CERT_(FILE|DIR)|XDG_[A-Z_]+
    |GPG_KEY|PYTHON_(VERSION|SHA256|PIP_VERSION|SETUPTOOLS_VERSION|GET_PIP_URL|GET_PIP_SHA256)
    |PYTHON(PATH|HOME|UNBUFFERED|DONTWRITEBYTECODE|FAULTHANDLER|HASHSEED|IOENCODING|UTF8|OPTIMIZE|WARNINGS)
    |KUBERNETES_(SERVICE|PORT)[A-Z0-9_]*|NVIDIA_(VISIBLE_DEVICES|DRIVER_CAPABILITIES|REQUIRE_CUDA)
    |PIPECAT_SETUP_FILES|BOTSESSION_(LAUNCH|URL)""",
    re.VERBOSE,
)
#: Words that a Secret may hold beside secrets, and that messages are full of.
_COMMON: Final = frozenset({"localhost", "development", "production", "postgres", "disabled"})
#: From this length on a word or a number of unknown origin is a secret. Shorter ones are found by chance.
LIKELY_SECRET: Final = 8
_URL_PASSWORD: Final = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
_CAMEL_CASE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
#: Where in the bot's code it was: `(bot.py:42 in handler)`.
_PLACE: Final = re.compile(r" \([^()]{1,200}:\d+ in [^()]{1,200}\)")
_FORMS: Final = (
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),  # https://user:password@host
    re.compile(rf"(?<=[?&])((?:[\w-]*[_-])?(?:{_WORDS}|sig(?:nature)?)=)[^&\s\"']+", re.IGNORECASE),
    re.compile(r"\b((?:Bearer|Basic)\s+)[\w.~+/=-]{6,}", re.IGNORECASE),
)


def find_secrets(
    environ: Mapping[str, str], body: Any, named: Iterable[str], in_the_open: Iterable[str] | None = None
) -> tuple[str, ...]:
    """Return the values that must not be told; `named` variables are secret whatever they are called.

    Where `in_the_open` is given, all keys of a Secret are variables too: any that is not among these, and that neither
    images nor Kubernetes set by custom, may be one of them.
    """
    known = set(named)
    variables = {value for name, value in environ.items() if name in known or _is_secret(name)}
    if in_the_open is not None:
        ordinary = {*in_the_open, *known}
        others = (value for name, value in environ.items() if name not in ordinary and not _ORDINARY.fullmatch(name))
        variables |= {value for value in others if _may_be_secret(value)}
    told = {value for value in (*variables, *_in_body(body)) if len(value) >= SHORTEST_SECRET}
    found = {form for value in told for form in _quoted(value)}
    # The longest first: one secret may be a part of another.
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def redact(text: str, secrets: Iterable[str]) -> str:
    """Give the text without secrets."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    for form in _FORMS:
        text = form.sub(lambda match: (match.group(1) if match.re.groups else "") + REDACTED, text)
    return text


def shorten(message: str) -> str:
    """Give the beginning of a long message, and the place in the bot's code that it names."""
    if len(message) <= LONGEST_MESSAGE:
        return message
    *_, place = ("", *_PLACE.findall(message))
    return f"{message[:LONGEST_MESSAGE]}…{place}"


def without_secrets(report: ExitReport, secrets: tuple[str, ...]) -> ExitReport:
    """Return the report with each text that the bot had a say in redacted, in its result too, and fit to be shown.

    Secrets go first: written out, a control character would hide the rest of one.
    """
    tasks = report.dangling_tasks
    result, trouble = _told_result(report.result, secrets)
    message = "; ".join(each for each in (report.message, trouble) if each) or None
    return replace(
        report,
        frame=_shown(report.frame, secrets),
        message=shorten(_shown(message, secrets)) if message else message,
        stuck_at=_shown(report.stuck_at, secrets),
        dangling_tasks=replace(tasks, names=tuple(_shown(name, secrets) for name in tasks.names)),
        result=result,
        conversation=conversation_without_secrets(report.conversation, secrets),
    )


def conversation_without_secrets(told: Conversation | None, secrets: tuple[str, ...]) -> Conversation | None:
    """Return what the caller got with the words of each error redacted, and fit to be shown."""
    return replace(told, errors=tuple(_shown_errors(each, secrets) for each in told.errors)) if told else None


def _shown_errors(errors: ProcessorErrors, secrets: tuple[str, ...]) -> ProcessorErrors:
    first, last = (_shown(text, secrets) for text in (errors.first_message, errors.last_message))
    return replace(
        errors,
        processor=_shown(errors.processor, secrets),
        category=_shown(errors.category, secrets),
        first_message=shorten(first) if first else first,
        last_message=shorten(last) if last else last,
    )


def _shown(text: Text, secrets: tuple[str, ...]) -> Text:
    """Return a text as its readers may see it: one line, without secrets, without orders to their terminals."""
    return None if text is None else one_line(redact(text, secrets))


def _told_result(result: Any, secrets: tuple[str, ...]) -> tuple[Any, str | None]:
    """Give the result without secrets; or, where what stands for them makes it too long, why there is none."""
    told = _redacted(result, secrets)
    try:
        to_json(told)
    except ResultError as exc:
        return None, f"the result was not taken: without its secrets, {exc}"
    return told, None


def _redacted(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {redact(key, secrets): _redacted(member, secrets) for key, member in value.items()}
    if isinstance(value, list):
        return [_redacted(item, secrets) for item in value]
    return redact(value, secrets) if isinstance(value, str) else value


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(_CAMEL_CASE.sub("_", name).replace("-", "_")))


def _may_be_secret(value: str) -> bool:
    """Return whether a value of unknown origin is told from a word or a number that stands in messages by chance."""
    if value.lower() in _COMMON:
        return False
    is_word = value.isalpha() or value.isdigit()
    return len(value) >= (LIKELY_SECRET if is_word else SHORTEST_SECRET)


def _quoted(secret: str) -> Iterator[str]:
    """Give a secret as a message may quote it: in one line, as Python or JSON writes it, a line or a password of it."""
    written = (repr(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    parts = [line.strip() for line in secret.splitlines()] + _URL_PASSWORD.findall(secret)
    yield from (secret, " ".join(secret.split()), *written)
    yield from (part for part in parts if len(part) >= LIKELY_SECRET)


def _in_body(body: Any) -> Iterator[str]:
    """Give the values that are secret by their name, however deep they are."""
    left: list[tuple[str, Any]] = [("", body)]
    while left:
        name, value = left.pop()
        if isinstance(value, dict):
            left.extend(value.items())
        elif isinstance(value, list):
            left.extend((name, item) for item in value)
        elif isinstance(value, str) and _is_secret(name):
            yield value
