"""The spec of a BotSession, parsed."""

from datetime import timedelta

import pytest

from botsession_contract.lifecycle import Mode
from botsession_operator.api.spec import EndNow, Idle, PodTemplate, RuntimeSource, SpecError, parse_spec
from tests.builders import raw_spec


def test_a_spec_as_the_crd_defaults_it() -> None:
    spec = parse_spec(raw_spec())

    assert (spec.bot.target, spec.bot.command, spec.bot.runtime) == ("bot.py", (), RuntimeSource.INJECTED)
    assert (spec.max_session_duration, spec.start_timeout) == (timedelta(minutes=30), timedelta(minutes=2))
    assert (spec.shutdown.mode, spec.shutdown.grace_period) == (Mode.GRACEFUL, timedelta(seconds=30))
    assert (spec.join_timeout, spec.idle_timeout) == (timedelta(minutes=1), None)
    assert spec.idle == Idle((), None)
    assert spec.end is EndNow.NO
    assert spec.pod_template == PodTemplate({}, {}, {})


def test_a_pod_template() -> None:
    template = {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}, "spec": {"hostNetwork": True}}

    assert parse_spec(raw_spec(podTemplate=template)).pod_template == PodTemplate(
        {"a": "b"}, {"c": "d"}, {"hostNetwork": True}
    )


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"startTimeout": "soon"}, "'soon' is not a duration"),
        ({"end": "Later"}, "'Later' is not a valid EndNow"),
        ({"bot": {}}, "'image' is missing"),
        ({"bot": None}, "not subscriptable"),
    ],
)
def test_a_spec_that_does_not_fit_is_told_to_its_user(changes: dict[str, object], detail: str) -> None:
    with pytest.raises(SpecError, match=f"does not fit the BotSession v1alpha1 that this operator knows: .*{detail}"):
        parse_spec(raw_spec(**changes))
