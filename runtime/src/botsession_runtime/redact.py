"""Takes secrets out of what is reported: an exception may quote a key, and a session's status is read by many. Pure.

No run of eight characters of a secret is kept, however the text quotes it (`quoted_secrets`), no key that is known by
its form (`key_patterns`), and no value that is secret by its name (`named_values`). Secrets go before a text is
shortened, or half a key would stay. The work is linear in the length of the text.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any, Final

from botsession_contract.conversation import Conversation
from botsession_contract.report import ExitReport
from botsession_contract.result import ResultError, to_json
from botsession_contract.text import one_line
from botsession_runtime.key_patterns import MASK, Span, find_keys
from botsession_runtime.named_values import find_named_values
from botsession_runtime.quoted_secrets import Compact, forms, fragments, is_plain, lower, parts
from botsession_runtime.secret_values import COMMON_WORDS, MIN_SECRET_LENGTH

REDACTED: Final = "[redacted]"
#: A run of so many characters of a secret is taken out. Shorter ones are found by chance.
MAX_RUN_LENGTH: Final = 8
#: Characters that a person reads of an exception's text.
MAX_MESSAGE_LENGTH: Final = 500
#: Runs that are remembered of all secrets, some 100 bytes each. Of secrets beyond that only the whole is found.
MAX_RUNS: Final = 200_000
#: Lengths of the beginning or end of a secret that programs show beside an ellipsis.
_ENDS: Final = range(7, 2, -1)
#: Secrets that are shorter have no beginning and end of their own.
_SHORTEST_WITH_ENDS: Final = 12

#: Where in the bot's code it was: `(bot.py:42 in handler)`.
_PLACE: Final = re.compile(r" \([^()]{1,200}:\d+ in [^()]{1,200}\)")
_ELLIPSIS: Final = re.compile(rf"(?:{MASK}|\.{{2,}}|x{{4,}}|X{{4,}}|\[\.\.\.\]|<\.\.\.>)+")
#: What may stand between two halves of one secret.
_GAP: Final = re.compile(r"""(?:\s|\\+[nrt]?|["']){0,12}""")


class Redactor:
    """Takes the secrets of one session out of texts. What it looks for is worked out with the first text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secrets)

    def redact(self, text: str) -> str:
        """Return the text with `[redacted]` in the place of each secret."""
        spans = _merged(text, [*find_keys(text), *find_named_values(text), *self._known(text)])
        spans = _merged(text, [*spans, *self._ends(text, spans)])
        pieces, at = [], 0
        for start, end in spans:
            pieces += [text[at:start], REDACTED]
            at = end
        return "".join((*pieces, text[at:]))

    def _known(self, text: str) -> Iterator[Span]:
        """Yield where a secret stands, or a run of one."""
        if not self._secrets:
            return
        compact, index = Compact(text), self._index
        for secret in index.short:
            yield from _occurrences(text, secret)
        for whole in index.whole:
            for start, end in _occurrences(compact.text, whole):
                yield compact.origin(start, end)
        for start, end in _runs(compact.text, index.runs):
            span = compact.origin(start, end)
            if compact.text[start:end] in index.entire or not _is_common_word(text, *span):
                yield span

    def _ends(self, text: str, spans: list[Span]) -> Iterator[Span]:
        """Yield where the beginning and the end of a secret stand beside an ellipsis: `sk-0…abcd`."""
        if not self._secrets:
            return
        starts, ends = {start for start, _ in spans}, {end for _, end in spans}
        for gap in _ELLIPSIS.finditer(text):
            before = gap.start() if gap.start() in ends else self._head(text, gap.start())
            after = gap.end() if gap.end() in starts else self._tail(text, gap.end())
            if before is not None and after is not None:
                yield before, after
            elif before is not None and not is_plain(text[before : gap.start()]):
                yield before, gap.end()
            elif after is not None and not is_plain(text[gap.end() : after]):
                yield gap.start(), after

    def _head(self, text: str, end: int) -> int | None:
        """Return where the beginning of a secret starts that ends here."""
        for length in _ENDS:
            start = end - length
            if (
                start >= 0
                and lower(text[start:end]) in self._index.heads
                and not text[max(start - 1, 0) : start].isalnum()
            ):
                return start
        return None

    def _tail(self, text: str, start: int) -> int | None:
        """Return where the end of a secret ends that starts here."""
        for length in _ENDS:
            end = start + length
            if lower(text[start:end]) in self._index.tails and not text[end : end + 1].isalnum():
                return end
        return None

    @cached_property
    def _index(self) -> "_Index":
        return _Index(self._secrets)


class _Index:
    """What is looked for."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        #: Runs of characters that no text keeps.
        self.runs: set[str] = set()
        #: Texts that are found as a whole, since parts of them are words, or because there are too many runs.
        self.whole: set[str] = set()
        #: Parts of secrets from end to end: such as `/transport`, of which the word alone is common.
        self.entire: set[str] = set()
        #: Secrets that are too short to be found but as they are.
        self.short: set[str] = set()
        self.heads: set[str] = set()
        self.tails: set[str] = set()
        for secret in sorted(secrets, key=len):
            for part in parts(secret):
                if len(part) >= MIN_SECRET_LENGTH:
                    self._add(part)

    def _add(self, part: str) -> None:
        pieces, text = tuple(fragments(part)), Compact(part).text
        self.entire.add(text)
        if pieces != (part,) or len(text) < MAX_RUN_LENGTH:
            for form in forms(part):
                self._add_whole(form, Compact(form).text)
        for piece in pieces:
            for form in forms(piece):
                self._add_runs(Compact(form).text)
        if len(text) >= _SHORTEST_WITH_ENDS:
            self.heads |= {text[:length] for length in _ENDS}
            self.tails |= {text[-length:] for length in _ENDS}

    def _add_whole(self, form: str, text: str) -> None:
        if len(text) >= MAX_RUN_LENGTH:
            self.whole.add(text)
        elif form.strip():
            self.short.add(form)

    def _add_runs(self, text: str) -> None:
        count = max(len(text) - MAX_RUN_LENGTH + 1, 0)
        if len(self.runs) + count > MAX_RUNS:
            self.whole.add(text)
            return
        self.runs.update(text[at : at + MAX_RUN_LENGTH] for at in range(count))


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text without these secrets, and without keys that are known by their form."""
    return Redactor(secrets).redact(text)


def shorten(message: str) -> str:
    """Return the beginning of a long message, and the place in the bot's code that it names."""
    if len(message) <= MAX_MESSAGE_LENGTH:
        return message
    *_, place = ("", *_PLACE.findall(message))
    return f"{message[:MAX_MESSAGE_LENGTH]}…{place}"


def without_secrets(report: ExitReport, secrets: Iterable[str] | Redactor) -> ExitReport:
    """Return the report with every text redacted, in its result too, and fit to be shown.

    Secrets go first: written out, a control character would hide the rest of one.
    """
    redactor = secrets if isinstance(secrets, Redactor) else Redactor(secrets)
    result, trouble = _result(report.result, redactor)
    message = "; ".join(each for each in (report.message, trouble) if each) or None
    shown: ExitReport = _cleaned(dataclasses.replace(report, message=message, result=None), redactor)
    return dataclasses.replace(shown, result=result)


def conversation_without_secrets(conversation: Conversation, redactor: Redactor) -> Conversation:
    """Return what the caller got, with every text redacted, and fit to be shown."""
    shown: Conversation = _cleaned(conversation, redactor)
    return shown


def _cleaned(value: Any, redactor: Redactor) -> Any:
    """Return a value with each text in it as its readers may see it: one line, no secrets, no orders to terminals."""
    match value:
        case Enum() | datetime():
            return value
        case str():
            return shorten(one_line(redactor.redact(value)))
        case tuple():
            return tuple(_cleaned(each, redactor) for each in value)
        case dict():
            return {_cleaned(name, redactor): _cleaned(each, redactor) for name, each in value.items()}
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
            return dataclasses.replace(value, **{name: _cleaned(each, redactor) for name, each in fields.items()})
    return value


def _result(result: Any, redactor: Redactor) -> tuple[Any, str | None]:
    """Return the result without secrets; or, where what stands for them makes it too long, why there is none."""
    redacted = _redacted(result, redactor)
    try:
        to_json(redacted)
    except ResultError as exc:
        return None, f"the result was refused: without its secrets, {exc}"
    return redacted, None


def _redacted(value: Any, redactor: Redactor) -> Any:
    """Return JSON with its texts redacted, and `[redacted]` for a number that is, or holds, a secret."""
    if isinstance(value, dict):
        members: dict[str, Any] = {}
        for name, member in value.items():
            members[_unused_name(redactor.redact(name), members)] = _redacted(member, redactor)
        return members
    if isinstance(value, list):
        return [_redacted(item, redactor) for item in value]
    if isinstance(value, str):
        return redactor.redact(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and redactor.redact(str(value)) != str(value):
        return REDACTED
    return value


def _unused_name(name: str, members: dict[str, Any]) -> str:
    """Return a name that no member has yet: of two that were secret, none takes the other's place."""
    count, free = 1, name
    while free in members:
        count += 1
        free = f"{name} {count}"
    return free


def _occurrences(text: str, wanted: str) -> Iterator[Span]:
    at = text.find(wanted)
    while at >= 0:
        yield at, at + len(wanted)
        at = text.find(wanted, at + len(wanted))


def _runs(text: str, wanted: set[str]) -> Iterator[Span]:
    """Yield where characters stand that are part of a wanted run; runs that overlap are one."""
    if not wanted:
        return
    start = end = -1
    for at in range(len(text) - MAX_RUN_LENGTH + 1):
        if text[at : at + MAX_RUN_LENGTH] in wanted:
            if at > end:
                if end > 0:
                    yield start, end
                start = at
            end = at + MAX_RUN_LENGTH
    if end > 0:
        yield start, end


def _is_common_word(text: str, start: int, end: int) -> bool:
    """Return whether what was found is a word of which messages are full, and stands there as one."""
    word = text[start:end].strip("-_./:,;'\" ").lower()
    around = text[max(start - 1, 0) : start] + text[end : end + 1]
    return word in COMMON_WORDS and not around.isalnum()


def _merged(text: str, spans: list[Span]) -> list[Span]:
    """Return spans in their order; those that overlap, or have nothing between them, as one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if merged and (start <= merged[-1][1] or _GAP.fullmatch(text, merged[-1][1], start)):
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
