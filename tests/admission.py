"""What admission refuses, with which words, and what it takes.

`tests/unit/api/test_admission.py` and `tests/e2e/test_admission.py` read the same tables, so that `botsession run` and
`kubectl apply` refuse the same things with the same sentences.
"""

from collections.abc import Iterator
from typing import Any, Final

from tests.admission_of_calls import REACHABLE, exposures, transports
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


def _owned() -> Iterator[Refusal]:
    for field, (value, sentence) in _BOT_FIELDS.items():
        path = f"spec.podTemplate.spec.containers[0].{field}"
        yield Refusal(f"{field} of the bot's container", bot_container(**{field: value}), path, sentence)
    for field, (value, sentence) in _POD_FIELDS.items():
        yield Refusal(f"{field} of the pod", pod_spec(**{field: value}), f"spec.podTemplate.spec.{field}", sentence)


_MOUNT_NAME: Final = "volumes that start with botsession- belong to the operator; mount another volume"
_MOUNT_PATH: Final = "leave /opt/botsession and /dev/termination-log free, because the supervisor needs them"
_PORT_NAME: Final = "the port name control belongs to the operator; choose another name"
_PORT_NUMBER: Final = "port 8474 belongs to the supervisor; choose another port"


def _mounts_and_ports() -> Iterator[Refusal]:
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


def nested(levels: int) -> Any:
    """Return an object in an object, and so on."""
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def _bounds() -> Iterator[Refusal]:
    body, template = "spec.bot.body may", "spec.podTemplate may"
    shallow = "be nested 32 levels deep and have 4096 items in a list or object"
    # As deep as a test can write it: what is deeper is refused in the same way (tests/e2e/alone/test_stored_before.py).
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


_EITHER: Final = "write exactly one of target (a bot file or module:function) and command (a command line)"
_TARGET: Final = (
    "must be a file that ends in .py, file.py:function or module:function, for example bot.py, "
    "bots.py:support or bots.support:bot"
)
_QUANTITY: Final = "must be a quantity, for example 500m, 2 or 1Gi"
_NAME: Final = "must have printable ASCII characters only, and no ="
_NO_NUL: Final = "leave the NUL character (U+0000) out, because no process can receive it"
_FIELD: Final = (
    "must be a field that a variable can have, for example metadata.name, status.podIP or metadata.labels['app']"
)
_DIVISOR: Final = "must be 1, or 1 with one of the units k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi and Ei"
_SOURCE: Final = "write exactly one of secretKeyRef, configMapKeyRef, fieldRef and resourceFieldRef"


def _bots() -> Iterator[Refusal]:
    bot = "spec.bot"
    yield Refusal("no spec", session(spec=...), "spec", "Required value")
    yield Refusal("no bot", session(spec__bot=...), bot, "Required value")
    yield Refusal("no image", session(spec__bot__image=...), f"{bot}.image", "Required value")
    yield Refusal("an empty image", session(spec__bot__image=""), f"{bot}.image", "should be at least 1 chars long")
    yield Refusal("a number for an image", session(spec__bot__image=3), f"{bot}.image", "must be of type string")
    yield Refusal("a bot of text", session(spec__bot="bot.py"), bot, "must be of type object")
    yield Refusal("neither target nor command", session(spec__bot__target=...), bot, _EITHER)
    yield Refusal("both target and command", session(spec__bot__command=["sh"]), bot, _EITHER)
    yield Refusal("an empty command", session(spec__bot={"image": "a", "command": []}), bot, _EITHER)
    for target in [
        "bot",
        "",
        ".py",
        "-m.py",
        "bot.py:",
        "bot.py:a()",
        "bot.py:a:b",
        "bots:",
        "bots:bot()",
        "my bot",
        "bots/x:bot",
    ]:
        yield Refusal(f"target {target!r}", session(spec__bot__target=target), f"{bot}.target", _TARGET)
    yield Refusal("an empty python", session(spec__bot__python=""), f"{bot}.python", "should be at least 1 chars long")
    yield Refusal(
        "another runtime",
        session(spec__bot__runtime="Sidecar"),
        f"{bot}.runtime",
        'Unsupported value: "Sidecar": supported values: "Injected", "Bundled"',
    )


def _environments() -> Iterator[Refusal]:
    def env(*items: Json) -> Json:
        return session(spec__bot__env=items)

    at = "spec.bot.env[0]"
    yield Refusal(
        "a variable of the operator's",
        env({"name": "BOTSESSION_LAUNCH", "value": "{}"}),
        at,
        "names that start with BOTSESSION_ belong to the operator; choose another name",
    )
    yield Refusal(
        "a variable with two values",
        env({"name": "A", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}),
        at,
        "write either value or valueFrom, not both",
    )
    yield Refusal("a value from nowhere", env({"name": "A", "valueFrom": {}}), f"{at}.valueFrom", _SOURCE)
    yield Refusal(
        "a Secret without a name",
        env({"name": "A", "valueFrom": {"secretKeyRef": {"key": "k"}}}),
        f"{at}.valueFrom.secretKeyRef.name",
        "Required value",
    )
    yield Refusal(
        "a variable twice", env({"name": "A"}, {"name": "A"}), "spec.bot.env[1]", 'Duplicate value: {"name":"A"}'
    )
    yield Refusal(
        "variables from two sources at once",
        session(spec__bot__envFrom=[{"secretRef": {"name": "a"}, "configMapRef": {"name": "b"}}]),
        "spec.bot.envFrom[0]",
        "write exactly one of secretRef and configMapRef",
    )
    for name in ["A=B", "CAFÉ", "A\nB", "A\0B"]:
        yield Refusal(f"a variable named {name!r}", env({"name": name, "value": "x"}), f"{at}.name", _NAME)
    yield Refusal(
        "a prefix with a sign that no name has",
        session(spec__bot__envFrom=[{"prefix": "A=", "secretRef": {"name": "a"}}]),
        "spec.bot.envFrom[0].prefix",
        _NAME,
    )
    yield Refusal("a value with NUL", env({"name": "A", "value": "a\0b"}), f"{at}.value", r"should match '^[^\x00]*$'")
    for quantity in ["1Gb", "lots", "-1"]:
        yield Refusal(
            f"memory of {quantity!r}",
            session(spec__bot__resources__limits={"memory": quantity}),
            "spec.bot.resources.limits[memory]",
            _QUANTITY,
        )


def _pod_fields() -> Iterator[Refusal]:
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


def _sources() -> Iterator[Refusal]:
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


def _nul() -> Iterator[Refusal]:
    for image in [" a", "a ", "a\n", "a\0"]:
        sentence = "must have no white space around it, and no NUL character (U+0000)"
        yield Refusal(f"the image {image!r}", session(spec__bot__image=image), "spec.bot.image", sentence)
    for field, path, value in [
        ("target", "target", "a\0.py"),
        ("python", "python", "python\0"),
    ]:
        yield Refusal(f"a {field} with NUL", session(**{f"spec__bot__{field}": value}), f"spec.bot.{path}", _NO_NUL)
    command = session(spec__bot={"image": "a", "command": ["python", "a\0b"]})
    yield Refusal("a command with NUL", command, "spec.bot.command[1]", _NO_NUL)


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


def _templates() -> Iterator[Refusal]:
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
    *_bots(),
    *_environments(),
    *_pod_fields(),
    *_sources(),
    *_nul(),
    *_templates(),
    *_owned(),
    *_mounts_and_ports(),
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
