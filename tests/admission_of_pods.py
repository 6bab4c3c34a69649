"""What admission refuses of pod templates and of the fields of pods: a part of the tables in `tests/admission.py`."""

from collections.abc import Iterator
from typing import Any, Final

from tests.manifests import Json, Refusal, bot_container, pod_spec, session

_BOT_FIELDS: Final[dict[str, tuple[Any, str]]] = {
    "image": ("other:1", "write the image in spec.bot.image"),
    "command": (["sh"], "write the command line in spec.bot.command"),
    "args": (["-c"], "write the command line and its arguments in spec.bot.command"),
    "env": ([{"name": "A"}], "write environment variables in spec.bot.env"),
    "envFrom": ([{}], "write sources of environment variables in spec.bot.envFrom"),
    "resources": ({}, "write resources in spec.bot.resources"),
    "terminationMessagePath": (
        "/log",
        "leave terminationMessagePath out, because the operator reads the exit report from there",
    ),
    "terminationMessagePolicy": (
        "File",
        "leave terminationMessagePolicy out, because the operator reads the exit report from there",
    ),
    "livenessProbe": ({}, "leave livenessProbe out, because the operator probes the supervisor"),
    "readinessProbe": ({}, "leave readinessProbe out, because the operator probes the supervisor"),
    "startupProbe": ({}, "write spec.startTimeout instead of startupProbe"),
    "lifecycle": ({}, "write spec.shutdown instead of lifecycle, because the supervisor ends the bot"),
    "restartPolicy": (
        "Always",
        "leave restartPolicy out, a session runs once; create a new BotSession to run the bot again",
    ),
    "restartPolicyRules": ([{}], "leave restartPolicyRules out, a session runs once"),
    "stdin": (True, "leave stdin out, because a bot has no terminal"),
    "tty": (True, "leave tty out, because a bot has no terminal"),
}
_POD_FIELDS: Final[dict[str, tuple[Any, str]]] = {
    "restartPolicy": (
        "Never",
        "leave restartPolicy out, a session runs once; create a new BotSession to run the bot again",
    ),
    "terminationGracePeriodSeconds": (
        60,
        (
            "write spec.shutdown.gracePeriod and spec.shutdown.cancelPeriod instead of "
            "terminationGracePeriodSeconds, which follows from them"
        ),
    ),
    "activeDeadlineSeconds": (60, "write spec.maxSessionDuration instead of activeDeadlineSeconds"),
    "shareProcessNamespace": (
        True,
        "leave shareProcessNamespace out, because the supervisor must be process 1 of its container",
    ),
    "hostPID": (True, "leave hostPID out, because the supervisor must be process 1 of its container"),
}


def owned() -> Iterator[Refusal]:
    for field, (value, sentence) in _BOT_FIELDS.items():
        path = f"spec.podTemplate.spec.containers[0].{field}"
        yield Refusal(f"{field} of the bot's container", bot_container(**{field: value}), path, sentence)
    for field, (value, sentence) in _POD_FIELDS.items():
        yield Refusal(f"{field} of the pod", pod_spec(**{field: value}), f"spec.podTemplate.spec.{field}", sentence)


_MOUNT_NAME: Final = "volumes that start with botsession- belong to the operator; mount another volume"
_MOUNT_PATH: Final = "leave /opt/botsession and /dev/termination-log free, because the supervisor needs them"
_PORT_NAME: Final = "the port name control belongs to the operator; choose another name"
_PORT_NUMBER: Final = "port 8474 belongs to the supervisor; choose another port"


def mounts_and_ports() -> Iterator[Refusal]:
    spec = "spec.podTemplate.spec"
    mounts, ports = f"{spec}.containers[0].volumeMounts", f"{spec}.containers[0].ports"
    ours = [{"name": "botsession-runtime", "mountPath": "/here"}]
    yield Refusal("the runtime's mount", bot_container(volumeMounts=ours), mounts, _MOUNT_NAME)
    early = pod_spec(initContainers=[{"name": "early", "image": "a", "volumeMounts": ours}])
    yield Refusal(
        "the runtime's mount in an init container", early, f"{spec}.initContainers[0].volumeMounts", _MOUNT_NAME
    )
    for path in ["/opt/botsession", "/opt/botsession/botsession_runtime", "/dev/termination-log"]:
        hides = bot_container(volumeMounts=[{"name": "data", "mountPath": path}])
        yield Refusal(f"a mount at {path}", hides, mounts, _MOUNT_PATH)
    yield Refusal(
        "a mount without a text for a name",
        bot_container(volumeMounts=[{"name": {}}]),
        f"{mounts}[0].name",
        "must be of type string",
    )
    yield Refusal(
        "the control port's name", bot_container(ports=[{"name": "control", "containerPort": 80}]), ports, _PORT_NAME
    )
    yield Refusal("the control port", bot_container(ports=[{"containerPort": 8474}]), ports, _PORT_NUMBER)
    sidecar = pod_spec(containers=[{"name": "side", "image": "a", "ports": [{"containerPort": 8474}]}])
    yield Refusal("the control port in a sidecar", sidecar, ports, _PORT_NUMBER)


_FIELD: Final = (
    "must be a field that a variable can have, for example metadata.name, status.podIP or metadata.labels['app']"
)
_DIVISOR: Final = "must be 1, or 1 with one of the units k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi and Ei"


def pod_fields() -> Iterator[Refusal]:
    def source(**ref: Any) -> Json:
        return session(spec__bot__env=[{"name": "A", "valueFrom": ref}])

    at = "spec.bot.env[0].valueFrom"
    for path in [
        "metadata.nam",
        "metadata.labels",
        "metadata.labels['']",
        "metadata.labels['a b']",
        "metadata.labels['/a']",
        "metadata.labels['A/b']",
        "metadata.labels['a..b/c']",
        "metadata.annotations['a-/c']",
        f"metadata.labels['{'x' * 64}']",
        "metadata.name['a']",
        "spec.containers",
        "status.phase",
        "metadata.name\n",
    ]:
        yield Refusal(f"the field {path!r}", source(fieldRef={"fieldPath": path}), f"{at}.fieldRef.fieldPath", _FIELD)
    yield Refusal(
        "a field of another version",
        source(fieldRef={"fieldPath": "metadata.name", "apiVersion": "v2"}),
        f"{at}.fieldRef.apiVersion",
        "must be v1",
    )
    for resource in ["limits.gpu", "cpu", "limits", "limits.cpus", "request.cpu", "limits.nvidia.com/gpu"]:
        yield Refusal(
            f"the resource {resource!r}",
            source(resourceFieldRef={"resource": resource}),
            f"{at}.resourceFieldRef.resource",
            "must be limits or requests of cpu, memory, ephemeral-storage or hugepages-..., for example limits.memory",
        )
    wrong: list[tuple[str, list[str | int], str]] = [
        ("limits.cpu", ["1Ki", "10m", 2, "lots", "-1"], "must be 1 or 1m for a CPU"),
        ("requests.memory", ["1m", "2Mi", 1024, "1KB", "0.5Gi"], _DIVISOR),
        ("limits.hugepages-2Mi", ["1m"], _DIVISOR),
    ]
    for resource, divisors, sentence in wrong:
        for divisor in divisors:
            yield Refusal(
                f"{resource} by {divisor!r}",
                source(resourceFieldRef={"resource": resource, "divisor": divisor}),
                f"{at}.resourceFieldRef.divisor",
                sentence,
            )


def sources() -> Iterator[Refusal]:
    for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        at = f"spec.bot.env[0].valueFrom.{field}"
        for key in ["a b", "a/b", ".", "..", "..a", "a\0"]:
            ref = {"name": "a", "key": key}
            manifest = session(spec__bot__env=[{"name": "A", "valueFrom": {field: ref}}])
            sentence = f"must be a key that a {kind} can have, for example api-key"
            yield Refusal(f"the key {key!r} of a {kind}", manifest, f"{at}.key", sentence)
        for name in ["A", "a b", "a_b", "a/b", "-a", "a."]:
            ref = {"name": name, "key": "a"}
            manifest = session(spec__bot__env=[{"name": "A", "valueFrom": {field: ref}}])
            sentence = f"must be a name that a {kind} can have, for example crm-keys"
            yield Refusal(f"a {kind} named {name!r}", manifest, f"{at}.name", sentence)
    yield Refusal(
        "all of a Secret named 'A'",
        session(spec__bot__envFrom=[{"secretRef": {"name": "A"}}]),
        "spec.bot.envFrom[0].secretRef.name",
        "must be a name that a Secret can have, for example crm-keys",
    )


def templates() -> Iterator[Refusal]:
    spec = "spec.podTemplate.spec"
    for kind in ["labels", "annotations"]:
        yield Refusal(
            f"{kind} of the operator's",
            session(**{f"spec__podTemplate__metadata__{kind}": {"botsession.dev/session": "x"}}),
            f"spec.podTemplate.metadata.{kind}",
            f"{kind} that start with botsession.dev/ belong to the operator; choose another prefix",
        )
    yield Refusal(
        "a sidecar without an image",
        pod_spec(containers=[{"name": "recorder"}]),
        f"{spec}.containers[0].image",
        "write the sidecar's image, or name the container bot to change the bot's own",
    )
    yield Refusal(
        "a sidecar with a name of the operator's",
        pod_spec(containers=[{"name": "botsession-proxy", "image": "proxy:1"}]),
        f"{spec}.containers[0].name",
        "names that start with botsession- belong to the operator; choose another name",
    )
    for name in ["bot", "botsession-runtime"]:
        yield Refusal(
            f"an init container called {name}",
            pod_spec(initContainers=[{"name": name, "image": "a"}]),
            f"{spec}.initContainers[0].name",
            "the names bot and botsession-... belong to the operator; choose another name",
        )
    yield Refusal(
        "a volume of the operator's",
        pod_spec(volumes=[{"name": "botsession-runtime", "emptyDir": {}}]),
        f"{spec}.volumes[0].name",
        "names that start with botsession- belong to the operator; choose another name",
    )
