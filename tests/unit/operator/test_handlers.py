"""kopf watches the API server that passes talk to."""

import logging
from collections.abc import Callable
from pathlib import Path

import kopf
import pytest
import yaml
from kopf import Resource

from botsession_contract.names import GROUP, PLURAL, SESSION_LABEL, VERSION
from botsession_operator.fair_queue import Priority
from botsession_operator.handlers import make_registry, make_settings, session_priority

SERVER = "https://10.96.0.1:443"


def login(registry: kopf.OperatorRegistry) -> kopf.ConnectionInfo | None:
    """Log in as kopf does."""
    (handler,) = registry._activities.get_all_handlers()
    log_in: Callable[..., object] = handler.fn
    found = log_in(logger=logging.getLogger(), settings=make_settings())
    assert found is None or isinstance(found, kopf.ConnectionInfo)
    return found


def test_the_api_server_is_asked_for_pods_of_sessions_only() -> None:
    asked = make_settings().watching.label_selectors
    pods = Resource("", "v1", "pods", kind="Pod", singular="pod")
    sessions = Resource(GROUP, VERSION, PLURAL, kind="BotSession", singular="botsession")

    assert [list(asked.collect(each)) for each in (pods, sessions)] == [[SESSION_LABEL], []]


def test_watches_go_to_the_server_that_passes_talk_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": "https://elsewhere"}}],
        "users": [{"name": "me", "user": {"token": "secret"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))

    found = login(make_registry(SERVER))

    assert found
    assert (found.server, found.token) == (SERVER, "secret")


@pytest.mark.parametrize(
    ("generation", "status", "priority"),
    [
        pytest.param(1, {"observedGeneration": 0, "phase": "Pending"}, Priority.HIGH, id="it is new"),
        pytest.param(1, None, Priority.HIGH, id="it is new, and has no default"),
        pytest.param(2, {"observedGeneration": 1}, Priority.HIGH, id="it was edited, or is being deleted"),
        pytest.param(2, {"observedGeneration": 2}, Priority.NORMAL, id="the operator wrote its status"),
        pytest.param(2, {"observedGeneration": 1, "finish": {}}, Priority.NORMAL, id="it is over"),
    ],
)
def test_an_event_is_urgent_where_a_user_waits(generation: int, status: object, priority: Priority) -> None:
    assert session_priority({"metadata": {"generation": generation}, "status": status}) is priority
