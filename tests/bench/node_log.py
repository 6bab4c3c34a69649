"""containerd's log on the kind nodes: when a pod's volumes were ready and when its bot's container had been started.

The API keeps these times to the whole second.
"""

import re
import subprocess
from collections.abc import Iterator
from typing import Final

from kubernetes import client

from tests.bench.harness import moment

Moments = dict[str, float]

#: The kubelet asks for a sandbox when all volumes are mounted.
VOLUMES_READY: Final = "volumes ready"
STARTED: Final = "container started"

_LINE: Final = re.compile(r'^time="(?P<at>[^"]+)" level=info msg="(?P<said>.*)"$')
_SANDBOX_ASKED: Final = re.compile(r'^RunPodSandbox for name:"(?P<pod>[^"]+)" \S+ \S+$')
_SANDBOX: Final = re.compile(r'^RunPodSandbox for name:"(?P<pod>[^"]+)" .* returns sandbox id "(?P<sandbox>\w+)"$')
_CREATED: Final = re.compile(r'sandbox "(?P<sandbox>\w+)" for name:"bot" returns container id "(?P<container>\w+)"$')
_STARTED: Final = re.compile(r'^StartContainer for "(?P<container>\w+)" returns successfully$')


def moments(since: float) -> dict[str, Moments]:
    """Return the moments of each pod that was started since a time."""
    found: dict[str, Moments] = {}
    sandboxes: dict[str, str] = {}
    containers: dict[str, str] = {}
    for at, said in _lines(since):
        if match := _SANDBOX_ASKED.match(said):
            found[match["pod"]] = {VOLUMES_READY: at}
        elif match := _SANDBOX.match(said):
            sandboxes[match["sandbox"]] = match["pod"]
        elif match := _CREATED.search(said):
            containers[match["container"]] = sandboxes.get(match["sandbox"], "")
        elif (match := _STARTED.match(said)) and (pod := containers.get(match["container"])):
            found.setdefault(pod, {})[STARTED] = at
    return found


def _lines(since: float) -> Iterator[tuple[float, str]]:
    for node in client.CoreV1Api().list_node().items:
        name = node.metadata.name if node.metadata else ""
        command = [
            "docker",
            "exec",
            str(name),
            "journalctl",
            "--unit=containerd",
            "--output=cat",
            f"--since=@{int(since)}",
        ]
        log = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for line in log.splitlines():
            if match := _LINE.match(line):
                yield moment(match["at"][:26] + "Z"), match["said"].replace('\\"', '"')
