"""Rule: the kubelet replaces `$(NAME)` in each env value, command and argument; the operator's texts must survive it.

The operator passes each text for such a place through `literal`. `spec.bot.env[].value` keeps Kubernetes' own meaning,
so it is not escaped.
"""

import re
from collections.abc import Mapping
from typing import Final

from botsession_operator.api.spec import Json

#: What the kubelet replaces: an escaped dollar, or a reference.
_EXPRESSION: Final = re.compile(r"\$(?:\$|\(([^)]*)\))")


def literal(text: str) -> str:
    """Return the text in the form that the kubelet turns back into the text itself."""
    return text.replace("$", "$$")


def literal_env(name: str, text: str) -> Json:
    """Return an environment variable, in a container's form, that has exactly this text."""
    return {"name": name, "value": literal(text)}


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Return a text as the kubelet expands it; a reference to an unknown variable stays as it is."""
    return _EXPRESSION.sub(lambda found: _replacement(found, environment), text)


def _replacement(found: re.Match[str], environment: Mapping[str, str]) -> str:
    name: str | None = found[1]
    return "$" if name is None else environment.get(name, found[0])
