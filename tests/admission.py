"""What admission refuses, with which words, and what it takes.

`tests/unit/api/test_admission.py` and `tests/e2e/test_admission.py` read the same tables, so that `botsession run` and
`kubectl apply` refuse the same things with the same sentences.
"""

from collections.abc import Iterator
from typing import Any, Final

from tests.admission_of_bots import bots, environments, nul
from tests.admission_of_calls import REACHABLE, exposures, transports
from tests.admission_of_pods import mounts_and_ports, owned, pod_fields, sources, templates
from tests.manifests import Json, Refusal, bot_container, pod_spec, session

_DURATIONS: Final = {
    "maxSessionDuration": ("must be a duration from 1s to 24h, for example 30m", ["0s", "24h1s"]),
    "startTimeout": ("must be a duration from 1s to 1h, for example 2m", ["999ms", "61m"]),
    "idleTimeout": ("must be 0s, for off, or a duration from 1s to 24h, for example 5m", ["999ms", "24h1s"]),
    "joinTimeout": ("must be 0s, for off, or a duration from 1s to 1h, for example 1m", ["999ms", "61m"]),
    "firstSoundTimeout": ("must be 0s, for off, or a duration from 1s to 1h, for example 20s", ["999ms", "61m"]),
    "shutdown__gracePeriod": ("must be a duration from 0s to 10m, for example 30s", ["10m0.5s"]),
    "shutdown__cancelPeriod": ("must be a duration from 1s to 5m, for example 10s", ["0.5s", "301s"]),
    "shutdown__overrides__maxDuration__gracePeriod": ("must be a duration from 0s to 10m, for example 30s", ["601s"]),
    "shutdown__overrides__evicted__cancelPeriod": ("must be a duration from 1s to 5m, for example 10s", ["0s"]),
    "ttlAfterFinished": ("must be never or a duration from 0s to 8760h, for example 1h", ["8760h1s", "Never"]),
}
_NO_DURATIONS: Final = ["soon", "", "30", "-5s", "1d", "1h 30m", "9999999h", "99999999999999h"]


def _durations() -> Iterator[Refusal]:
    for field, (sentence, beyond) in _DURATIONS.items():
        for text in [*_NO_DURATIONS, *beyond]:
            path = f"spec.{field.replace('__', '.')}"
            yield Refusal(f"{path} of {text!r}", session(**{f"spec__{field}": text}), path, sentence)


def nested(levels: int) -> Any:
    """Return an object in an object, and so on."""
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def _bounds() -> Iterator[Refusal]:
    body, template = "spec.bot.body may", "spec.podTemplate may"
    shallow = "be nested 32 levels deep and have 4096 items in a list or object"
    # As deep as a test can write it: what is deeper is refused in the same way (tests/e2e/test_bounds.py).
    for levels in [33, 300]:
        yield Refusal(f"a body of {levels} levels", session(spec__bot__body=nested(levels)), "", f"{body} {shallow}")
        given = pod_spec(affinity=nested(levels))
        yield Refusal(f"a pod template of {levels} levels", given, "", f"{template} {shallow}")
    for items in [[1] * 4097, dict.fromkeys(map(str, range(4097)))]:
        wide = session(spec__bot__body={"a": items})
        yield Refusal(f"a body with a {type(items).__name__} of 4097 items", wide, "", f"{body} {shallow}")
    yield Refusal("a body of 121 KiB", session(spec__bot__body="x" * 121 * 1024), "", f"{body} take 120 KiB as JSON")
    large = session(spec__bot__body={"a": ["é" * 31 * 1024] * 2})
    yield Refusal("a body of 124 KiB in UTF-8", large, "", f"{body} take 120 KiB as JSON")
    wide = pod_spec(affinity={"a": "x" * 257 * 1024})
    yield Refusal("a spec of 257 KiB", wide, "", "spec may take 256 KiB as JSON")


def _rest() -> Iterator[Refusal]:
    yield Refusal("a misspelt field", session(spec__maxDuration="1h"), "", 'unknown field "spec.maxDuration"')
    yield Refusal("a field of the bot that is not there", session(spec__bot__foo=1), "", 'unknown field "spec.bot.foo"')
    yield Refusal(
        "a misspelt field in a list",
        session(spec__bot__env=[{"name": "A", "val": "b"}]),
        "",
        'unknown field "spec.bot.env[0].val"',
    )
    yield Refusal(
        "a long name",
        session(metadata__name="x" * 64),
        "",
        "metadata.name must be at most 63 characters long, because it is also a label on the session's pod",
    )
    yield Refusal(
        "a name in capitals",
        session(metadata__name="Parrot"),
        "metadata.name",
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'",
    )
    yield Refusal("no name", session(metadata={}), "metadata.name", "Required value: name or generateName is required")
    yield Refusal(
        "another mode",
        session(spec__shutdown__mode="Fast"),
        "spec.shutdown.mode",
        'Unsupported value: "Fast": supported values: "Graceful", "Immediate"',
    )
    yield Refusal(
        "a long farewell",
        session(spec__shutdown__farewell="x" * 1001),
        "spec.shutdown.farewell",
        "Too long: may not be more than 1000 bytes",
    )
    yield Refusal(
        "another end",
        session(spec__end="Now"),
        "spec.end",
        'Unsupported value: "Now": supported values: "", "Graceful", "Immediate"',
    )


def _idle(*, timeout: str | None = "5m", **idle: Any) -> Json:
    return session(spec__idle=idle, **({} if timeout is None else {"spec__idleTimeout": timeout}))


def _idles() -> Iterator[Refusal]:
    alone = "write spec.idleTimeout too, for example 5m, because spec.idle has no effect without it"
    shorter = "must be shorter than spec.idleTimeout, for example 4m where that is 5m"
    prompt = {"after": "4m", "text": "Are you still there?"}
    yield Refusal("idle without a timeout", _idle(timeout=None, frames=["UserSpeakingFrame"]), "spec.idle", alone)
    for after, timeout in [("5m", "5m"), ("301s", "5m"), ("1s", "0s")]:
        yield Refusal(
            f"a prompt after {after} of {timeout}",
            _idle(timeout=timeout, prompt={**prompt, "after": after}),
            "spec.idle.prompt.after",
            shorter,
        )
    for after in [*_NO_DURATIONS, "0s", "999ms"]:
        yield Refusal(
            f"a prompt after {after!r}",
            _idle(prompt={**prompt, "after": after}),
            "spec.idle.prompt.after",
            "must be a duration from 1s to 24h, for example 4m",
        )
    yield Refusal("a prompt without words", _idle(prompt={"after": "1m"}), "spec.idle.prompt.text", "Required value")
    yield Refusal(
        "an empty prompt",
        _idle(prompt={**prompt, "text": ""}),
        "spec.idle.prompt.text",
        "should be at least 1 chars long",
    )
    for name in ["", "frames.UserSpeakingFrame", "User Speaking", "4Frame"]:
        yield Refusal(
            f"a frame class {name!r}",
            _idle(frames=[name]),
            "spec.idle.frames[0]",
            "must be the name of a frame class, for example UserSpeakingFrame",
        )


def _by_cause() -> Iterator[Refusal]:
    yield Refusal(
        "another pod retention",
        session(spec__podRetention="Sometimes"),
        "spec.podRetention",
        'Unsupported value: "Sometimes": supported values: "Never", "OnFailure", "Always"',
    )
    yield Refusal(
        "another eviction policy",
        session(spec__eviction="OnUpgrade"),
        "spec.eviction",
        'Unsupported value: "OnUpgrade": supported values: "Allow", "WhenIdle", "Never"',
    )
    for cause in ["startTimeout", "MaxDuration", "hungUp"]:
        yield Refusal(
            f"an override for {cause}",
            session(**{f"spec__shutdown__overrides__{cause}": {}}),
            "",
            f'unknown field "spec.shutdown.overrides.{cause}"',
        )
    yield Refusal(
        "a mode for a requested end, which says it itself",
        session(spec__shutdown__overrides__endRequested__mode="Immediate"),
        "",
        'unknown field "spec.shutdown.overrides.endRequested.mode"',
    )
    for cause in ["maxDuration", "idleTimeout", "noClient", "noSound", "deleted", "evicted"]:
        at = f"shutdown.overrides.{cause}"
        yield Refusal(
            f"another mode for {cause}",
            session(**{f"spec__{at.replace('.', '__')}__mode": "Fast"}),
            f"spec.{at}.mode",
            'Unsupported value: "Fast": supported values: "Graceful", "Immediate"',
        )
    for cause in ["maxDuration", "idleTimeout", "noClient", "noSound", "endRequested", "deleted", "evicted"]:
        at = f"shutdown.overrides.{cause}"
        yield Refusal(
            f"a long farewell for {cause}",
            session(**{f"spec__{at.replace('.', '__')}__farewell": "x" * 1001}),
            f"spec.{at}.farewell",
            "Too long: may not be more than 1000 bytes",
        )


#: What admission refuses. The path is empty where the sentence itself names the field.
REFUSALS: Final = [
    *bots(),
    *environments(),
    *pod_fields(),
    *sources(),
    *nul(),
    *templates(),
    *owned(),
    *mounts_and_ports(),
    *_bounds(),
    *_durations(),
    *_idles(),
    *_by_cause(),
    *transports(),
    *exposures(),
    *_rest(),
]

_SECRET: Final = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a", "optional": True}}}
_FIELDS: Final = [
    *("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.host", "spec.serviceAccountName"),
    *("status.podIP", "status.podIPs", "status.hostIP", "status.hostIPs"),
    *(
        "metadata.labels['app']",
        "metadata.labels['app.kubernetes.io/name']",
        "metadata.annotations['Team.example/A_b']",
    ),
]
_AMOUNTS: Final[list[tuple[str, int | str]]] = [
    *(("limits.cpu", divisor) for divisor in (0, "0m", 1, "1.0", "1m", "1000m", "0.001")),
    *(("requests.memory", divisor) for divisor in (0, 1, "1k", "1000", "1000k", "1Mi", "1024Ki", "1Ei", "1E")),
    ("limits.ephemeral-storage", "1Gi"),
    ("requests.hugepages-2Mi", "1Mi"),
    ("limits.hugepages-1Gi", 1),
]
_SIDECAR: Final = {"name": "recorder", "image": "recorder:1", "restartPolicy": "Always"}
#: What admission takes, by what is remarkable about it.
ADMITTED: Final = {
    "the smallest session": session(),
    "a command line": session(spec__bot={"image": "a", "command": ["python", "bot.py"]}),
    "a function": session(spec__bot__target="bots.support:bot"),
    "a function in a file": session(spec__bot__target="bots.py:support"),
    "a file in a folder": session(spec__bot__target="/app/bots/support.py"),
    "a body of any form": session(spec__bot__body={"caller": "+1", "tags": [1, None, {"a": 2.5}], "n": 2**40}),
    "a body of 32 levels": session(spec__bot__body=nested(32)),
    "a body of 119 KiB": session(spec__bot__body="x" * 119 * 1024),
    "a body of 4096 items": session(spec__bot__body=[1] * 4096),
    "a body of text": session(spec__bot__body="hello"),
    "a file for Pipecat to load": session(spec__bot__env=[{"name": "PIPECAT_SETUP_FILES", "value": "/a.py"}]),
    "a secret": session(spec__bot__env=[_SECRET], spec__bot__envFrom=[{"prefix": "P_", "secretRef": {"name": "a"}}]),
    "variables with odd names": session(spec__bot__env=[{"name": name} for name in ("a b", "1", "..", "A-B.c", "{}")]),
    "names and keys of Secrets": session(
        spec__bot__env=[
            {"name": f"A{number}", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}
            for number, (name, key) in enumerate([("a.b-c", ".a"), ("1", "A_b-C.d"), ("a", "-")])
        ]
    ),
    "NUL in a body": session(spec__bot__body={"a\0": "b\0"}),
    "fields of the pod": session(
        spec__bot__env=[
            {"name": f"A{number}", "valueFrom": {"fieldRef": {"fieldPath": path, "apiVersion": "v1"}}}
            for number, path in enumerate(_FIELDS)
        ]
    ),
    "resources of the pod": session(
        spec__bot__env=[
            {"name": f"A{number}", "valueFrom": {"resourceFieldRef": {"resource": resource, "divisor": divisor}}}
            for number, (resource, divisor) in enumerate(_AMOUNTS)
        ]
    ),
    "quantities": session(spec__bot__resources={"limits": {"cpu": 2, "memory": "1.5Gi"}, "requests": {"cpu": "500m"}}),
    "nulls for what is left out": session(spec__bot__command=None, spec__end=None, spec__shutdown=None),
    "the longest durations": session(
        spec__maxSessionDuration="24h",
        spec__idleTimeout="24h",
        spec__startTimeout="60m",
        spec__joinTimeout="1h",
        spec__firstSoundTimeout="1h",
        spec__shutdown={"gracePeriod": "10m0s", "cancelPeriod": "300s"},
    ),
    "the shortest durations": session(
        spec__maxSessionDuration="1000ms",
        spec__idleTimeout="1s",
        spec__startTimeout="1s",
        spec__joinTimeout="1s",
        spec__firstSoundTimeout="1s",
        spec__shutdown={"gracePeriod": "0s", "cancelPeriod": "1s"},
    ),
    "a record that is kept": session(spec__ttlAfterFinished="never", spec__podRetention="Always"),
    "a record that goes at once": session(spec__ttlAfterFinished="0s", spec__podRetention="OnFailure"),
    "a session that no drain may end": session(spec__eviction="Never"),
    "a session that a drain may end while it is idle": session(spec__eviction="WhenIdle"),
    "a record for a year": session(spec__ttlAfterFinished="8760h"),
    "overrides of everything": session(
        spec__shutdown__overrides={
            cause: {"gracePeriod": "1m", "cancelPeriod": "5s", "farewell": "Bye!", **mode}
            for cause, mode in {
                "maxDuration": {"mode": "Graceful"},
                "idleTimeout": {"mode": "Immediate"},
                "noClient": {"mode": "Immediate"},
                "noSound": {"mode": "Immediate"},
                "endRequested": {},
                "deleted": {"mode": "Immediate"},
                "evicted": {"mode": "Graceful"},
            }.items()
        }
    ),
    "an override of nothing": session(spec__shutdown__overrides={"deleted": {}, "evicted": None}),
    "a mixed duration": session(spec__maxSessionDuration="1h29m59.5s"),
    "limits that are off": session(spec__idleTimeout="0s", spec__joinTimeout="0s", spec__firstSoundTimeout="0s"),
    "a way to be idle": _idle(frames=["UserSpeakingFrame", "MyFrame_2"], prompt={"after": "299s", "text": "Hello?"}),
    "an end from the start": session(spec__end="Immediate"),
    "the rest of a pod spec": pod_spec(nodeSelector={"a": "b"}, hostNetwork=True, volumes=[{"name": "data"}]),
    "a mount for the bot": bot_container(volumeMounts=[{"name": "data", "mountPath": "/data"}], workingDir="/app"),
    "a sidecar among the init containers": pod_spec(initContainers=[_SIDECAR]),
    "sidecars beside the bot": pod_spec(
        containers=[
            {"name": "recorder", "image": "recorder:1", "command": ["record"], "env": [{"name": "A"}], "stdin": True},
            {"name": "bot", "workingDir": "/app"},
            {"name": "proxy", "image": "proxy:1", "lifecycle": {"preStop": {"exec": {"command": ["drain"]}}}},
        ]
    ),
    **REACHABLE,
    "a name of 63 characters": session(metadata__name="x" * 63),
    "a generated name": session(metadata={"generateName": "parrot-"}),
}
