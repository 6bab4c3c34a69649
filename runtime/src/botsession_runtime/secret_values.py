"""Finds the values that are secret: by their name, in the environment and the body, or by their origin. Pure.

How they may be quoted is in `quoted_secrets`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

#: Shorter values are found by chance in text that has nothing to do with them.
MIN_SECRET_LENGTH: Final = 6
#: From this length on a word or a number of unknown origin is a secret. Shorter ones are found by chance.
LIKELY_SECRET: Final = 8
#: Words that a Secret may hold beside secrets, and that messages are full of. No value that is one of them is a secret.
COMMON_WORDS: Final = frozenset(
    """
    anthropic assistant authorization azureopenai bearer bucket cartesia chinese client connection database deepgram
    default deployment development disabled document elevenlabs enabled endpoint english environment external france
    german germany gladia google googleapis healthcheck information instance integration internal italian japanese
    kubernetes language localhost mandarin memory message microsoft model mongodb mysql namespace openai openrouter
    outbound password pipecat pipeline portuguese postgres postgresql private production provider public rabbitmq region
    resource secret server service_account serviceaccount serving sonic spanish staging standard storage streaming
    support system telephone template transport twilio username warning webhook webrtc websocket worker
    """.split()  # noqa: SIM905  # a hundred lines otherwise
)

_WORDS: Final = "api_?key|key|token|secret|passw(?:or)?d|passphrase|credentials?"
_SECRET_NAME: Final = re.compile(rf"(?:^|_)(?:{_WORDS})s?(?:_|$)", re.IGNORECASE)
_CAMEL_CASE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
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


def find_secrets(
    environ: Mapping[str, str], body: Any, named: Iterable[str], in_the_open: Iterable[str] | None = None
) -> tuple[str, ...]:
    """Return the values that must not be reported; `named` variables are secret whatever they are called.

    Where `in_the_open` is given, all keys of a Secret are variables too: any that is not among these, and that neither
    images nor Kubernetes set by custom, may be one of them.
    """
    known = set(named)
    variables = {value for name, value in environ.items() if name in known or is_secret_name(name)}
    if in_the_open is not None:
        ordinary = {*in_the_open, *known}
        others = (value for name, value in environ.items() if name not in ordinary and not _ORDINARY.fullmatch(name))
        variables |= {value for value in others if _may_be_secret(value)}
    found = {value for value in (*variables, *_in_body(body)) if len(value) >= MIN_SECRET_LENGTH}
    # The longest first, so that an order is fixed.
    return tuple(sorted((each for each in found if not is_common(each)), key=lambda value: (-len(value), value)))


def is_secret_name(name: str) -> bool:
    """Return whether a variable, member or parameter of this name holds a secret."""
    return bool(_SECRET_NAME.search(_CAMEL_CASE.sub("_", name).replace("-", "_")))


def is_common(value: str) -> bool:
    """Return whether a value is a word of which messages are full."""
    return value.strip().lower() in COMMON_WORDS


def _may_be_secret(value: str) -> bool:
    """Return whether a value of unknown origin is told from a word or a number that stands in messages by chance."""
    is_word = value.isalpha() or value.isdigit()
    return len(value) >= (LIKELY_SECRET if is_word else MIN_SECRET_LENGTH)


def _in_body(body: Any) -> Iterator[str]:
    """Yield the values that are secret by their name, however deep they are."""
    left: list[tuple[str, Any]] = [("", body)]
    while left:
        name, value = left.pop()
        if isinstance(value, dict):
            left.extend(value.items())
        elif isinstance(value, list):
            left.extend((name, item) for item in value)
        elif isinstance(value, str | int) and not isinstance(value, bool) and is_secret_name(name):
            yield str(value)
