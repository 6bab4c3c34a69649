"""What the chart's guardrails refuse, with which sentence, and what they let through: a table."""

from dataclasses import dataclass, field
from typing import Any, Final

from tests.manifests import Json, session

#: The values of the chart that the table goes by.
RULES: Final[Json] = {
    "name": "tenants",
    "images": ["registry.example/bots/*", "botsession/*"],
    "serviceAccounts": ["default", "voice-*"],
    "secrets": ["bots-*"],
    "priorityClasses": ["calls"],
    "requiredLimits": ["memory"],
    "maxSessionDuration": "2h",
}
LIMITS: Final[Json] = {"limits": {"memory": "1Gi"}}
IMAGE: Final = "registry.example/bots/parrot:1"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A session, and what the guardrails say of it; an empty sentence where they let it through."""

    id: str
    manifest: Json
    sentence: str = ""
    #: Rules that are laid over the table's.
    rules: Json = field(default_factory=dict)
    #: Whether only the session shows it: the pod has no word for it.
    is_of_the_session: bool = False


def guarded(**changes: Any) -> Json:
    """Return a session that the guardrails let through, with changes as `session` takes them."""
    return session(**{"spec__bot__image": IMAGE, "spec__bot__resources": LIMITS, **changes})


def _pod(**fields: Any) -> Json:
    return guarded(spec__podTemplate__spec=fields)


def _bot(**fields: Any) -> Json:
    return _pod(containers=[{"name": "bot", **fields}])


def _sidecar(**fields: Any) -> Json:
    return _pod(containers=[{"name": "sidecar", "image": IMAGE, "resources": LIMITS, **fields}])


def _init(**fields: Any) -> Json:
    return _pod(initContainers=[{"name": "first", "image": IMAGE, "resources": LIMITS, **fields}])


def _volume(**source: Any) -> Json:
    return _pod(volumes=[{"name": "data", **source}])


def _secret(name: str) -> Json:
    return {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": name, "key": "key"}}}


_DAILY: Final = {"type": "daily", "roomUrl": "https://x.daily.co/y"}
_TURN: Final = {"urls": ["turn:t"], "username": "u"}


def _token(name: str) -> Json:
    return guarded(spec__bot__transport={**_DAILY, "token": {"secretKeyRef": {"name": name, "key": "token"}}})


def _ice(name: str) -> Json:
    server = {**_TURN, "credential": {"secretKeyRef": {"name": name, "key": "turn"}}}
    return guarded(spec__bot__transport={"type": "smallwebrtc", "iceServers": [server]})


_IMAGE: Final = "is not allowed in this namespace; allowed is registry.example/bots/*, botsession/*"
_ACCOUNT: Final = "is not allowed in this namespace; allowed is default, voice-*"
_HOST: Final = "hostNetwork, hostPID and hostIPC are not allowed in this namespace"
_PRIORITY: Final = "this priorityClassName is not allowed in this namespace"
_PORT: Final = "hostPort is not allowed in this namespace"
_LIMITS: Final = "spec.bot.resources.limits needs memory in this namespace"
_VOLUMES: Final = "hostPath volumes, and volumes of other types that lead out of the pod, are not allowed"
_PRIVILEGED: Final = "privileged containers, added capabilities, procMount and hostProcess are not allowed"
_ENV: Final = "env takes a value from a Secret that is not allowed in this namespace"
_ENV_FROM: Final = "envFrom takes values from a Secret that is not allowed in this namespace"
_MOUNT: Final = "a volume mounts a Secret that is not allowed in this namespace"
_TRANSPORT: Final = "spec.bot.transport takes from a Secret that is not allowed in this namespace"
_SIDECAR_LIMITS: Final = "each sidecar and init container needs limits of memory in this namespace"
_PROJECTED: Final = {"sources": [{"secret": {"name": "theirs"}}]}
_EVIL: Final = "evil.example/x:1"
_PRIVILEGE: Final = {"securityContext": {"privileged": True}}
_FOREIGN_CSI: Final = {"driver": "x", "nodePublishSecretRef": {"name": "theirs"}}

REFUSED: Final = [
    Guarded("image", guarded(spec__bot__image=_EVIL), f"the image {_EVIL} {_IMAGE}"),
    Guarded("image that begins like an allowed one", guarded(spec__bot__image="botsession.evil/x"), _IMAGE),
    Guarded("image that ends like an allowed one", guarded(spec__bot__image="evil/registry.example/bots/x"), _IMAGE),
    Guarded("image whose dot is another letter", guarded(spec__bot__image="registryXexample/bots/x"), _IMAGE),
    Guarded("image of a sidecar", _sidecar(image=_EVIL), f"the image {_EVIL} {_IMAGE}"),
    Guarded("image of an init container", _init(image=_EVIL), f"the image {_EVIL} {_IMAGE}"),
    Guarded("image of a native sidecar", _init(image=_EVIL, restartPolicy="Always"), f"the image {_EVIL} {_IMAGE}"),
    Guarded("image of a volume", _volume(image={"reference": _EVIL}), f"the image {_EVIL} {_IMAGE}"),
    Guarded("no image at all", guarded(), "allowed is", {"images": []}),
    Guarded("service account", _pod(serviceAccountName="admin"), f"the ServiceAccount admin {_ACCOUNT}"),
    Guarded("service account by its old name", _pod(serviceAccount="admin"), f"the ServiceAccount admin {_ACCOUNT}"),
    Guarded("the default account", guarded(), "the ServiceAccount default is not", {"serviceAccounts": ["voice-*"]}),
    Guarded(
        "priority",
        _pod(priorityClassName="system-node-critical"),
        _PRIORITY,
    ),
    Guarded("host network", _pod(hostNetwork=True), _HOST),
    Guarded("host IPC", _pod(hostIPC=True), _HOST),
    Guarded("hostPath", _volume(hostPath={"path": "/"}), _VOLUMES),
    Guarded("nfs", _volume(nfs={"server": "x", "path": "/"}), _VOLUMES),
    Guarded("hostPort", _bot(ports=[{"containerPort": 7860, "hostPort": 80}]), _PORT),
    Guarded("hostPort of an init container", _init(ports=[{"containerPort": 1, "hostPort": 80}]), "hostPort is not"),
    Guarded("privileged bot", _bot(**_PRIVILEGE), _PRIVILEGED),
    Guarded("privileged sidecar", _sidecar(**_PRIVILEGE), _PRIVILEGED),
    Guarded("privileged init container", _init(**_PRIVILEGE), _PRIVILEGED),
    Guarded("capability", _bot(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}), _PRIVILEGED),
    Guarded("proc", _bot(securityContext={"procMount": "Unmasked"}), _PRIVILEGED),
    Guarded("node", _pod(nodeName="control-plane"), "nodeName is not allowed in this namespace"),
    Guarded("secret in env", guarded(spec__bot__env=[_secret("theirs")]), _ENV),
    Guarded("secret in a sidecar's env", _sidecar(env=[_secret("theirs")]), _ENV),
    Guarded("secret in an init container's env", _init(env=[_secret("theirs")]), _ENV),
    Guarded("secret in envFrom", guarded(spec__bot__envFrom=[{"secretRef": {"name": "theirs"}}]), _ENV_FROM),
    Guarded("secret in a sidecar's envFrom", _sidecar(envFrom=[{"secretRef": {"name": "theirs"}}]), _ENV_FROM),
    Guarded("secret volume", _volume(secret={"secretName": "theirs"}), _MOUNT),
    Guarded("projected secret", _volume(projected=_PROJECTED), _MOUNT),
    Guarded("secret of a driver", _volume(csi=_FOREIGN_CSI), "a volume of this type may take from any Secret"),
    Guarded("pull secret", _pod(imagePullSecrets=[{"name": "theirs"}]), "imagePullSecrets names a Secret"),
    Guarded("secret token", _token("theirs"), _TRANSPORT, is_of_the_session=True),
    Guarded("secret of a TURN server", _ice("theirs"), _TRANSPORT, is_of_the_session=True),
    Guarded(
        "bot without a limit",
        guarded(spec__bot__resources={}),
        _LIMITS,
    ),
    Guarded("sidecar without a limit", _sidecar(resources={}), _SIDECAR_LIMITS),
    Guarded("init container without a limit", _init(resources={}), _SIDECAR_LIMITS),
    Guarded(
        "too long",
        guarded(spec__maxSessionDuration="2h1s"),
        "spec.maxSessionDuration may be at most 2h in this namespace",
        is_of_the_session=True,
    ),
]

LET_THROUGH: Final = [
    Guarded("an ordinary session", guarded()),
    Guarded("the longest session", guarded(spec__maxSessionDuration="2h")),
    Guarded("an allowed secret", guarded(spec__bot__env=[_secret("bots-openai")])),
    Guarded("an allowed token", _token("bots-daily")),
    Guarded("a TURN server's allowed secret", _ice("bots-turn")),
    Guarded("an allowed secret volume", _volume(secret={"secretName": "bots-tls"})),
    Guarded("an allowed account", _pod(serviceAccountName="voice-1")),
    Guarded("an allowed priority", _pod(priorityClassName="calls")),
    Guarded("a sidecar", _sidecar()),
    Guarded(
        "ordinary volumes", _pod(volumes=[{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {"name": "c"}}])
    ),
    Guarded("the host, where that is allowed", _pod(hostNetwork=True, nodeName="n"), rules={"hostAccess": True}),
    Guarded("anything that no rule limits", guarded(spec__bot__image=_EVIL), rules={"images": ...}),
]


def rules(case: Guarded) -> Json:
    """Return the rules that a case goes by."""
    return {name: value for name, value in {**RULES, **case.rules}.items() if value is not ...}
