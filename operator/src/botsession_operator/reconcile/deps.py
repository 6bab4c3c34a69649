"""The dependencies of a pass: ports, settings, and what the operator keeps in memory."""

from dataclasses import dataclass, field
from typing import Final

from botsession_operator.core.clock import Clock
from botsession_operator.core.control_keys import ControlKeys
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.manifests.pod import PodSettings
from botsession_operator.core.manifests.service_and_route import Exposure
from botsession_operator.host_ports import HostPorts
from botsession_operator.metrics import Metrics
from botsession_operator.ports import Cluster, Supervisors
from botsession_operator.refusals import Refusals
from botsession_operator.status_recorder import StatusWrites
from botsession_operator.watch_store import WatchStore
from botsession_operator.webhook_dispatcher import WebhookDispatcher

#: Callers reach sessions inside the cluster only: there is no route from outside.
IN_THE_CLUSTER: Final = Exposure()


@dataclass(frozen=True, slots=True)
class Deps:
    """The dependencies of a pass."""

    cluster: Cluster
    supervisors: Supervisors
    clock: Clock
    metrics: Metrics
    timeouts: ControllerTimeouts
    refusals: Refusals
    pod_settings: PodSettings
    #: The operator's keys, from which each session's token is derived.
    control_keys: ControlKeys
    exposure: Exposure = IN_THE_CLUSTER
    #: Set while the operator is being uninstalled: every session has to end.
    is_uninstalling: bool = False
    #: None where no webhook is configured.
    webhook: WebhookDispatcher | None = None
    #: What this process remembers of the statuses that it has written.
    status_writes: StatusWrites = field(default_factory=StatusWrites)
    #: The ports of nodes that sessions with `hostNetwork` use.
    host_ports: HostPorts = field(default_factory=HostPorts)
    #: Objects as the watches brought them. None where no watch feeds a store, as on a local machine.
    store: WatchStore | None = None
