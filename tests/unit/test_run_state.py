"""What the processes of one run of tests tell each other about the cluster."""

import subprocess
from pathlib import Path

import pytest
from kubernetes import config

from tests.e2e import release
from tests.e2e.run_state import RunState

SENTENCE = "cluster: no cluster: kind could not create one"


def test_what_one_process_tells_another_one_reads(tmp_path: Path) -> None:
    one, other = RunState(tmp_path / "runs/a"), RunState(tmp_path / "runs/a")
    assert (other.trouble, other.settings, other.over) == (None, None, frozenset())

    one.note_trouble("")
    one.note_settings(("--set=workers=1",))
    one.note_over("test_x[a]")
    one.note_over("test_y")

    assert (other.trouble, other.settings, other.over) == ("", ("--set=workers=1",), frozenset({"test_x[a]", "test_y"}))
    one.note_settings(None)
    assert other.settings is None


def test_a_run_knows_nothing_of_earlier_ones(tmp_path: Path) -> None:
    RunState(tmp_path / "runs/a").note_trouble(SENTENCE)
    RunState(tmp_path / "runs/b").note_trouble("")
    assert [each.name for each in (tmp_path / "runs").iterdir()] == ["b"]


def test_each_test_fails_with_the_sentence_of_hack_ready_which_runs_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[object] = []

    def fails(command: object, **_: object) -> "subprocess.CompletedProcess[str]":
        asked.append(command)
        return subprocess.CompletedProcess([], 1, "", SENTENCE)

    monkeypatch.setattr(release, "RUN", RunState(tmp_path / "runs/a"))
    monkeypatch.setattr(subprocess, "run", fails)
    for _ in range(2):
        with pytest.raises(AssertionError, match=SENTENCE):
            release.bring_up_cluster()
    assert len(asked) == 1


def test_each_process_of_a_run_reads_where_the_cluster_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also one whose environment names it from the start, as hack/test does."""
    read: list[str] = []
    monkeypatch.setenv("KUBECONFIG", str(release.KUBECONFIG))
    monkeypatch.setattr(config, "load_kube_config", read.append)
    run = RunState(tmp_path / "runs/a")
    RunState(tmp_path / "runs/a").note_trouble("")
    monkeypatch.setattr(release, "RUN", run)
    assert not run.is_connected

    release.bring_up_cluster()

    assert read == [str(release.KUBECONFIG)]
    assert run.is_connected
