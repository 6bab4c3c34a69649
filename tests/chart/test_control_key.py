"""The control keys, as the chart hands them to the operator."""

from pathlib import Path
from typing import Final

from botsession_operator.settings import read_settings
from tests import kubelet
from tests.chart.conftest import Render, Rendered
from tests.manifests import Json

ROTATED: Final = {
    "controlKey__existingSecret": "mine",
    "controlKey__existingSecretKey": "key-3",
    "controlKey__previousSecretKeys": ["key-2", "key-1"],
}


def pods(objects: Rendered) -> list[Json]:
    """Return the pods that derive tokens: the operator's, and the one that uninstalls it."""
    return [objects.one(kind)["spec"]["template"]["spec"] for kind in ("Deployment", "Job")]


def mounted(pod: Json, folder: Path) -> dict[str, str]:
    """Put into a folder what the kubelet mounts, each key with its name as content; give the environment for it."""
    (volume,) = (each for each in pod["volumes"] if each["name"] == "control-key")
    for item in volume["secret"]["items"]:
        (folder / item["path"]).write_text(item["key"].ljust(32, "."))
    environment = kubelet.environment(pod["containers"][0], {})
    return {name: value.replace("/etc/botsession/", f"{folder}/") for name, value in environment.items()}


def test_the_operator_gets_all_keys_in_their_order(render: Render, tmp_path: Path) -> None:
    for pod in pods(render(**ROTATED)):
        keys = read_settings(mounted(pod, tmp_path)).control_keys
        assert [key.strip(b".") for key in (keys.current, *keys.previous)] == [b"key-3", b"key-2", b"key-1"]


def test_there_is_one_key_at_first(render: Render, tmp_path: Path) -> None:
    for pod in pods(render()):
        keys = read_settings(mounted(pod, tmp_path)).control_keys
        assert (keys.current.strip(b"."), keys.previous) == (b"control-key", ())
