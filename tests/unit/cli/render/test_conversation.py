"""What is said of what the caller got."""

import pytest

from botsession_contract.conversation import Conversation, ProcessorErrors
from botsession_contract.lifecycle import ProcessorKind
from botsession_operator.api.status import Status
from botsession_operator.cli.describe import facts
from botsession_operator.cli.render.columns import Layout, row
from botsession_operator.cli.render.history import history
from botsession_operator.cli.render.timeline import entries, summary
from botsession_operator.cli.render.why import why
from tests.sessions import after, finished, running, stored, view

REFUSED = ProcessorErrors(
    ProcessorKind.LLM, 3, "GeminiLiveLLMService", "connectivity", "OSError: refused", "OSError: gone"
)
STRAY = ProcessorErrors(ProcessorKind.OTHER, 1, None, None, "KeyError: 'x' (bot.py:7 in came).")
SPOKEN = Conversation(has_audio=True, first_sound_at=after(5.8), bot_turns=3, caller_turns=2)


def seen(conversation: Conversation | None, *, is_over: bool = True) -> Status:
    make = finished if is_over else running
    return make(client_connected_at=after(5), conversation=conversation)


@pytest.mark.parametrize(
    ("conversation", "sentence"),
    [
        (
            Conversation(has_audio=True, errors=(REFUSED, STRAY)),
            "The caller heard nothing: GeminiLiveLLMService could not connect (OSError: refused).",
        ),
        (
            Conversation(has_audio=True, errors=(STRAY,)),
            "The caller heard nothing: the bot's own code failed (KeyError: 'x' (bot.py:7 in came)).",
        ),
        (
            Conversation(has_audio=True, errors=(ProcessorErrors(ProcessorKind.TTS, 1, category="quota"),)),
            "The caller heard nothing: its TTS has used up its quota.",
        ),
        (Conversation(has_audio=True), "The caller heard nothing: the bot made no sound."),
        (SPOKEN, "The caller first heard the bot after 800 ms."),
        (
            Conversation(has_audio=True, first_sound_at=after(7.5), errors=(REFUSED,)),
            "The bot went on after 3 errors, the first of them: GeminiLiveLLMService could not connect",
        ),
        (
            Conversation(has_audio=False, errors=(STRAY,)),
            "The bot went on after 1 error: the bot's own code failed (KeyError: 'x' (bot.py:7 in came)).",
        ),
    ],
)
def test_why_says_what_the_caller_heard(conversation: Conversation, sentence: str) -> None:
    assert sentence in why(view(seen(conversation)), after(100))


def test_why_says_what_the_caller_has_heard_so_far() -> None:
    told = why(view(seen(Conversation(has_audio=True), is_over=False)), after(20))
    assert "The caller heard nothing so far: the bot made no sound." in told


@pytest.mark.parametrize("conversation", [None, Conversation(has_audio=False)])
def test_why_says_nothing_of_what_is_not_known(conversation: Conversation | None) -> None:
    assert "caller" not in why(view(seen(conversation)), after(100))


def test_describe_says_it_at_a_glance() -> None:
    failed = Conversation(has_audio=True, bot_turns=1, errors=(REFUSED, STRAY))
    assert [pair for pair in facts(view(seen(failed)), after(100)) if pair[0] in ("Heard", "Turns", "Errors")] == [
        ("Heard", "nothing"),
        ("Turns", "1 of the bot, 0 of the caller"),
        ("Errors", "3 of GeminiLiveLLMService (connectivity): OSError: refused; the last: OSError: gone"),
        ("Errors", "1 of the bot's own code: KeyError: 'x' (bot.py:7 in came)."),
    ]


@pytest.mark.parametrize(
    ("conversation", "heard"),
    [
        (SPOKEN, "the bot, first after 800 ms"),
        (Conversation(has_audio=False), "the bot plays no audio"),
        (Conversation(has_audio=True), "nothing"),
    ],
)
def test_the_summary_says_what_was_heard(conversation: Conversation, heard: str) -> None:
    assert ("heard", heard) in list(summary(seen(conversation)))


def test_the_first_sound_is_a_moment() -> None:
    moments = [(each.subject, each.text) for each in history(view(seen(SPOKEN)), [])]
    assert ("sound", "the bot makes its first sound, 800 ms after the client connected") in moments
    silent, spoken = seen(Conversation(has_audio=True), is_over=False), seen(SPOKEN, is_over=False)
    assert [each.text for each in entries(silent, spoken, after(6))] == ["the bot makes its first sound"]
    assert list(entries(spoken, spoken, after(6))) == []


@pytest.mark.parametrize(
    ("conversation", "cell"),
    [(SPOKEN, "800 ms"), (Conversation(has_audio=True), "none"), (Conversation(has_audio=False), "<none>")],
)
def test_the_wide_list_shows_the_first_sound(conversation: Conversation, cell: str) -> None:
    layout = Layout(is_wide=True)
    cells = row(stored(seen(conversation)), layout, after(100))
    assert dict(zip(layout.head, cells, strict=True))["FIRST SOUND"] == cell
