"""Who may reach the operator and the bots, by the NetworkPolicies that the chart makes."""

from typing import Final

import pytest

from botsession_contract.control import CONTROL_PORT
from botsession_contract.names import SESSION_LABEL
from tests.chart.conftest import CHART, Helm, Render
from tests.network_policies import End, reaches

OPERATOR: Final = End(
    "botsession-system",
    {"app.kubernetes.io/name": "botsession-operator", "app.kubernetes.io/instance": "botsession"},
    ports={"http": 8475, "heartbeats": 8476},
)
BOT: Final = End("bots", {SESSION_LABEL: "call-1", "botsession.dev/uid": "1"})
BOT_ELSEWHERE: Final = End("other", {SESSION_LABEL: "call-2"})
STRANGER: Final = End("other", {"app": "stranger"})
NEIGHBOUR: Final = End("bots", {"app": "crm"})
PRETENDER: Final = End("other", {"app.kubernetes.io/name": "botsession-operator"})
PROMETHEUS: Final = End("monitoring", {"app": "prometheus"})
CALLER: Final = End(address="203.0.113.7")
API_SERVER: Final = End(address="10.0.0.1")
SCRAPED: Final = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]

BY_DEFAULT: Final = [
    pytest.param(BOT, OPERATOR, 8475, True, id="a session pokes the operator"),
    pytest.param(BOT_ELSEWHERE, OPERATOR, 8475, True, id="a session of any namespace pokes the operator"),
    pytest.param(STRANGER, OPERATOR, 8475, False, id="other pods do not reach the operator"),
    pytest.param(PROMETHEUS, OPERATOR, 8475, False, id="nothing scrapes that the values do not name"),
    pytest.param(CALLER, OPERATOR, 8475, False, id="the world does not reach the operator"),
    pytest.param(BOT, OPERATOR, 22, False, id="sessions reach no other port of the operator"),
    pytest.param(OPERATOR, API_SERVER, 6443, True, id="the operator reaches its API server"),
]


@pytest.mark.parametrize(("source", "target", "port", "gets_through"), BY_DEFAULT)
def test_the_operators_port_is_fenced_by_default(
    render: Render, source: End, target: End, port: int, gets_through: bool
) -> None:
    assert reaches(render().of("NetworkPolicy"), source, target, port) is gets_through


@pytest.mark.parametrize(
    ("source", "gets_through"),
    [
        pytest.param(BOT, True, id="a session of a watched namespace"),
        pytest.param(BOT_ELSEWHERE, False, id="a session of another one"),
        pytest.param(STRANGER, False, id="another pod"),
    ],
)
def test_only_watched_namespaces_poke(render: Render, source: End, gets_through: bool) -> None:
    policies = render(watchNamespaces=["bots"]).of("NetworkPolicy")
    assert reaches(policies, source, OPERATOR, 8475) is gets_through


@pytest.mark.parametrize(("source", "gets_through"), [(PROMETHEUS, True), (STRANGER, False), (BOT, True)])
def test_metrics_are_read_by_whom_the_values_name(render: Render, source: End, gets_through: bool) -> None:
    policies = render(networkPolicy__metricsFrom=SCRAPED).of("NetworkPolicy")
    assert reaches(policies, source, OPERATOR, 8475) is gets_through


@pytest.mark.parametrize(("source", "gets_through"), [(BOT, True), (STRANGER, False), (CALLER, False)])
def test_heartbeats_come_from_sessions(render: Render, source: End, gets_through: bool) -> None:
    policies = render().of("NetworkPolicy")
    assert reaches(policies, source, OPERATOR, 8476, "UDP") is gets_through
    assert not reaches(policies, source, OPERATOR, 8476, "TCP")


def test_a_monitor_that_would_be_locked_out_is_refused(helm: Helm) -> None:
    refused = helm("template", "botsession", CHART, "--set=metrics.podMonitor.enabled=true")
    assert "metrics.podMonitor.enabled needs networkPolicy.metricsFrom" in refused.stderr


BOTS: Final = [
    pytest.param(OPERATOR, CONTROL_PORT, "TCP", True, id="the operator talks to the supervisor"),
    pytest.param(NEIGHBOUR, CONTROL_PORT, "TCP", False, id="a neighbour does not"),
    pytest.param(BOT, CONTROL_PORT, "TCP", False, id="another session does not"),
    pytest.param(PRETENDER, CONTROL_PORT, "TCP", False, id="the operator's namesake in another namespace does not"),
    pytest.param(CALLER, CONTROL_PORT, "TCP", False, id="the world does not"),
    pytest.param(CALLER, 7860, "TCP", True, id="a caller reaches the port of an exposed session"),
    pytest.param(CALLER, 8473, "TCP", True, id="the port below is a caller's"),
    pytest.param(CALLER, 8475, "TCP", True, id="the port above is a caller's"),
    pytest.param(CALLER, 40000, "UDP", True, id="media comes in on any port"),
    pytest.param(PROMETHEUS, 9090, "TCP", True, id="a bot's own metrics are its own matter"),
]


@pytest.mark.parametrize(("source", "port", "protocol", "gets_through"), BOTS)
@pytest.mark.parametrize("values", [{"watchNamespaces": ["bots"]}, {"networkPolicy__namespaces": ["bots"]}])
def test_the_control_port_is_fenced_and_callers_are_not(
    render: Render, values: dict[str, object], source: End, port: int, protocol: str, gets_through: bool
) -> None:
    policies = render(**values).of("NetworkPolicy")
    assert reaches(policies, source, BOT, port, protocol) is gets_through


def test_namespaces_that_nobody_names_are_left_alone(render: Render) -> None:
    assert reaches(render().of("NetworkPolicy"), STRANGER, BOT, CONTROL_PORT)


def test_policies_can_be_left_out(render: Render) -> None:
    assert not render(networkPolicy__enabled=False, watchNamespaces=["bots"]).of("NetworkPolicy")


EGRESS: Final = [
    pytest.param(End(address="10.96.0.10"), 53, "UDP", True, id="it asks for names"),
    pytest.param(API_SERVER, 443, "TCP", True, id="it asks the API server"),
    pytest.param(API_SERVER, 22, "TCP", False, id="it reaches no other port of it"),
    pytest.param(BOT, CONTROL_PORT, "TCP", True, id="it asks supervisors"),
    pytest.param(BOT, 7860, "TCP", False, id="it calls no bot"),
    pytest.param(NEIGHBOUR, CONTROL_PORT, "TCP", False, id="it asks nobody else"),
    pytest.param(CALLER, 8443, "TCP", True, id="it reaches what the values name"),
]


@pytest.mark.parametrize(("target", "port", "protocol", "gets_through"), EGRESS)
def test_what_the_operator_reaches_can_be_bounded(
    render: Render, target: End, port: int, protocol: str, gets_through: bool
) -> None:
    hook = [{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 8443}]}]
    policies = render(networkPolicy__egress__enabled=True, networkPolicy__egress__extra=hook).of("NetworkPolicy")
    assert reaches(policies, OPERATOR, target, port, protocol) is gets_through
