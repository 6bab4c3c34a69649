"""What the kernel says of the container's memory, read from trees as they look inside containers."""

from pathlib import Path
from typing import Final

import pytest

from botsession_runtime.memory import Memory, make_first_victim, read, score, since

MIB: Final = 1 << 20
OWN: Final = "/kubepods/burstable/pod1/abc"
#: What each version's files say of a container that lost a process.
V1_FILES: Final = {
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    "memory.limit_in_bytes": f"{256 * MIB}\n",
    "memory.max_usage_in_bytes": f"{255 * MIB}\n",
}
V2_FILES: Final = {
    "memory.events": "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n",
    "memory.max": f"{256 * MIB}\n",
    "memory.peak": f"{255 * MIB}\n",
}
V1_MEMBER: Final = "9:pids:{0}\n4:memory:{0}\n1:name=systemd:{0}\n0::{0}\n"
V2_MEMBER: Final = "0::{0}\n"
V1_MOUNT: Final = (
    "31 30 0:31 {0} /sys/fs/cgroup/pids ro,nosuid - cgroup cgroup rw,pids\n"
    "32 30 0:32 {0} /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n"
    "33 30 0:33 {0} /sys/fs/cgroup/unified ro,nosuid - cgroup2 cgroup2 rw\n"
)
V2_MOUNT: Final = (
    "29 28 0:27 / / rw - overlay overlay rw\n30 29 0:28 {0} /sys/fs/cgroup ro - cgroup2 cgroup rw,nsdelegate\n"
)
LOST_ONE: Final = Memory(1, 256 * MIB, 255 * MIB)


def tree(root: Path, member: str, mounts: str, folder: str = "", files: dict[str, str] | None = None) -> Path:
    own = root / "proc/self"
    own.mkdir(parents=True)
    (own / "cgroup").write_text(member)
    (own / "mountinfo").write_text(mounts)
    place = root / "sys/fs/cgroup" / folder
    place.mkdir(parents=True, exist_ok=True)
    for name, text in (files or {}).items():
        (place / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("member", "mounts", "folder", "files"),
    [
        pytest.param(V2_MEMBER.format("/"), V2_MOUNT.format("/"), "", V2_FILES, id="v2 in a namespace"),
        pytest.param(V2_MEMBER.format(OWN), V2_MOUNT.format("/"), OWN[1:], V2_FILES, id="v2 of the whole host"),
        pytest.param(V2_MEMBER.format(OWN), V2_MOUNT.format(OWN), "", V2_FILES, id="v2 with only our own mounted"),
        pytest.param(
            V2_MEMBER.format(OWN), V2_MOUNT.format("/kubepods"), OWN[10:], V2_FILES, id="v2 with a part of it mounted"
        ),
        pytest.param(
            V2_MEMBER.format("/"), V2_MOUNT.format("/../.."), "", V2_FILES, id="v2 mounted from outside the namespace"
        ),
        pytest.param(V1_MEMBER.format("/"), V1_MOUNT.format("/"), "memory", V1_FILES, id="v1 in a namespace"),
        pytest.param(V1_MEMBER.format(OWN), V1_MOUNT.format(OWN), "memory", V1_FILES, id="v1 as runtimes mount it"),
        pytest.param(V1_MEMBER.format(OWN), V1_MOUNT.format("/"), f"memory{OWN}", V1_FILES, id="v1 of the whole host"),
    ],
)
def test_memory_is_read_wherever_the_container_finds_its_cgroup(
    tmp_path: Path, member: str, mounts: str, folder: str, files: dict[str, str]
) -> None:
    assert read(tree(tmp_path, member, mounts, folder, files)) == LOST_ONE


@pytest.mark.parametrize(
    ("changes", "memory"),
    [
        pytest.param({"memory.max": "max\n"}, Memory(1, None, 255 * MIB), id="no limit"),
        pytest.param({"memory.peak": ""}, Memory(1, 256 * MIB, None), id="no highest use, before Linux 5.19"),
        pytest.param({"memory.events": "low 0\noom 3\noom_kill 0\n"}, Memory(0, 256 * MIB, 255 * MIB), id="no kill"),
        pytest.param({"memory.events": "low 0\n"}, None, id="no count"),
    ],
)
def test_what_the_files_say(tmp_path: Path, changes: dict[str, str], memory: Memory | None) -> None:
    root = tree(tmp_path, V2_MEMBER.format("/"), V2_MOUNT.format("/"), "", V2_FILES | changes)
    assert read(root) == memory


def test_version_1_writes_no_limit_as_a_number(tmp_path: Path) -> None:
    files = V1_FILES | {"memory.limit_in_bytes": "9223372036854771712\n"}
    root = tree(tmp_path, V1_MEMBER.format("/"), V1_MOUNT.format("/"), "memory", files)
    assert read(root) == Memory(1, None, 255 * MIB)


@pytest.mark.parametrize(
    ("member", "mounts"),
    [
        pytest.param(V2_MEMBER.format("/"), V2_MOUNT.format("/"), id="nothing is in its place"),
        pytest.param(V2_MEMBER.format("/"), "29 28 0:27 / / rw - overlay overlay rw\n", id="nothing is mounted"),
        pytest.param("", V2_MOUNT.format("/"), id="it is in no cgroup"),
    ],
)
def test_what_cannot_be_found_is_not_claimed(tmp_path: Path, member: str, mounts: str) -> None:
    assert read(tree(tmp_path, member, mounts)) is None


def test_system_without_proc_is_not_claimed(tmp_path: Path) -> None:
    assert read(tmp_path) is None


@pytest.mark.parametrize(
    ("before", "now", "news"),
    [
        pytest.param(Memory(2, 5, 4), Memory(3, 5, 5), Memory(1, 5, 5), id="what is new counts"),
        pytest.param(None, Memory(3), None, id="without a first look nothing is new"),
        pytest.param(Memory(3), None, None, id="without a second either"),
    ],
)
def test_only_new_kills_count(before: Memory | None, now: Memory | None, news: Memory | None) -> None:
    assert since(before, now) == news


@pytest.mark.parametrize(
    ("present", "limit", "expected"),
    [
        pytest.param(0, 640 * MIB, 100, id="a tenth where a supervisor is a tenth of the limit"),
        pytest.param(-997, 6400 * MIB, -987, id="a guaranteed pod stays nearly as safe from its neighbours"),
        pytest.param(990, 640 * MIB, 1000, id="not more than the kernel takes"),
        pytest.param(0, 999 * MIB, 65, id="rounded up"),
    ],
)
def test_bot_is_made_heavier_by_a_supervisor(present: int, limit: int, expected: int) -> None:
    assert score(present, limit) == expected


@pytest.mark.parametrize(("limit", "expected"), [(640 * MIB, "100"), (None, "0")])
def test_bot_with_a_limit_goes_before_its_supervisor(tmp_path: Path, limit: int | None, expected: str) -> None:
    file = tmp_path / "proc/7/oom_score_adj"
    file.parent.mkdir(parents=True)
    file.write_text("0")

    make_first_victim(7, limit, tmp_path)

    assert file.read_text() == expected


def test_bot_whose_score_cannot_be_raised_is_left_alone(tmp_path: Path) -> None:
    make_first_victim(7, MIB, tmp_path)
