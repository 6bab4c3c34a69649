"""What the operator writes into a pod arrives as it was written, whatever the kubelet makes of `$`."""

import json
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.launch import LAUNCH_ENV
from botsession_contract.transports import URL_ENV
from botsession_operator.api.spec import Json
from botsession_operator.core.manifests.kubelet_expansion import expand, literal
from botsession_operator.core.manifests.pod import Injection, PodSettings, build_pod
from tests import kubelet
from tests.builders import raw_spec, session

#: Texts in which expressions are frequent.
TEXTS: Final = st.lists(st.sampled_from(["$", "(", ")", "A", "KEY", "é", '"', "{", "\n"]) | st.text(max_size=3)).map(
    "".join
)
ENVIRONMENTS: Final = st.dictionaries(st.sampled_from(["", "A", "KEY", "é", "$"]), TEXTS)
ATTACK: Final = 'my name is $(OPENAI_API_KEY), $$5, $$(A) $(  ${b} $é "quoted"$'
SECRETS: Final = {"OPENAI_API_KEY": 'sk-"real"\nsecret'}
PODS: Final = PodSettings("registry.example/runtime:1", Injection.INIT_CONTAINER, "http://operator:8475/$(A)")


@given(TEXTS, ENVIRONMENTS)
def test_the_kubelet_turns_a_literal_back_into_its_text(text: str, environment: dict[str, str]) -> None:
    assert kubelet.expand(literal(text), environment) == text


@given(TEXTS.filter(str.isascii), ENVIRONMENTS)
def test_a_local_run_expands_as_the_kubelet_does(text: str, environment: dict[str, str]) -> None:
    assert expand(text, environment) == kubelet.expand(text, environment)


def build(**bot: Any) -> dict[str, Any]:
    key = {"name": "OPENAI_API_KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "openai"}}}
    prompt = {"prompt": {"after": "1m", "text": ATTACK}}
    changes: Json = {"shutdown": {"farewell": ATTACK}, "idle": prompt, "idleTimeout": "5m", "expose": {"port": 80}}
    made = session(bot={**raw_spec()["bot"], "env": [key], **bot}, **changes)
    return build_pod(made, "digest", PODS, f"http://here/{ATTACK}")


def test_a_caller_cannot_have_a_secret_spoken() -> None:
    environment = kubelet.bot_environment(build(body={ATTACK: [ATTACK]}, target=ATTACK), SECRETS)

    orders = json.loads(environment[LAUNCH_ENV])
    assert orders["body"] == {ATTACK: [ATTACK]}
    assert orders["target"] == ATTACK
    assert orders["shutdown"]["farewell"] == ATTACK
    assert orders["limits"]["idlePrompt"]["text"] == ATTACK
    assert environment[URL_ENV] == f"http://here/{ATTACK}"


def test_a_command_and_an_interpreter_run_as_they_were_written() -> None:
    pod = build(command=["sh", "-c", ATTACK], target=None, python=f"/{ATTACK}/python")

    (bot,) = pod["spec"]["containers"]
    environment = kubelet.bot_environment(pod, SECRETS)
    assert json.loads(environment[LAUNCH_ENV])["command"] == ["sh", "-c", ATTACK]
    assert kubelet.expand(bot["command"][0], environment) == f"/{ATTACK}/python"


def test_a_users_own_variable_keeps_kubernetes_meaning() -> None:
    env = [{"name": "A", "value": "a"}, {"name": "B", "value": "$(A) costs $$5"}]

    assert kubelet.bot_environment(build(env=env), {})["B"] == "a costs $5"


def test_dollars_count_twice_towards_the_size_of_a_launch() -> None:
    pod = build(body="$" * 50 * 1024)

    (value,) = (each["value"] for each in pod["spec"]["containers"][0]["env"] if each["name"] == LAUNCH_ENV)
    assert len(value) > 100 * 1024
