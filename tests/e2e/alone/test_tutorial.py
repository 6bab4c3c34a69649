"""The tutorial works as it is written: its commands are typed one block after the other, and what it shows is seen."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Block, blocks_of
from tests.e2e.release import admission_knows_sessions, is_installed, uninstall_operator
from tests.e2e.world import PATIENCE, kubectl, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(600)]

#: Both parts, which one reader types one after the other.
BLOCKS = [block for page in ("tutorial", "tutorial-endings") for block in blocks_of(ROOT / f"docs/{page}.md")]
SESSIONS = ("hello", "limited", "broken")
#: What is not typed: the cluster is all tests' own.
LEFT_OUT = ("make cluster-down",)
END = "--- that was block"


class Shell:
    """One shell for all commands, as the reader has one: what one of them exports the next one sees."""

    def __init__(self) -> None:
        clean = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        blocks, self._keyboard = os.pipe()
        # Commands come in beside its standard input, which a command of the tutorial may read.
        loop = f"""while IFS= read -r -d '' -u {blocks} block; do eval "$block"; echo '{END}'; done"""
        self._bash = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", loop],
            cwd=ROOT,
            env=clean,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(blocks,),
        )
        os.close(blocks)

    def type(self, commands: str) -> str:
        """Return what the commands print; the first that fails fails the test."""
        assert self._bash.stdout
        os.write(self._keyboard, f"{commands}\0".encode())
        printed: list[str] = []
        for line in self._bash.stdout:
            if line.strip() == END:
                return "".join(printed)
            printed.append(line)
        raise AssertionError(f"{commands}\nprinted:\n{''.join(printed)}")

    def close(self) -> None:
        with self._bash:
            os.close(self._keyboard)


@pytest.fixture
def newcomer(kubeconfig: Path) -> Iterator[Shell]:
    """Return a shell on a cluster that has no operator yet."""
    if is_installed():
        with uninstall_operator() as uninstalling:
            printed, _ = uninstalling.communicate(timeout=300)
        assert uninstalling.returncode == 0, printed
    shell = Shell()
    yield shell
    shell.close()
    kubectl("delete", "pod", "caller", "--ignore-not-found", "--wait=false")
    kubectl("delete", "bs", *SESSIONS, "--ignore-not-found", "--wait=false")


def test_every_command_works_and_prints_what_is_shown(newcomer: Shell) -> None:
    printed = ""
    for block, before in zip(BLOCKS, [None, *BLOCKS], strict=False):
        if block.language == "sh" and block.text.strip() not in LEFT_OUT:
            printed = newcomer.type(block.text)
        elif not block.language:
            assert before is not None
            printed = look_again(newcomer, before, block, printed)
            assert shown_words(block) <= words(printed), f"{block} shows otherwise:\n{printed}"
        if "helm install" in block.text:
            wait_until(admission_knows_sessions, PATIENCE, "as far as the tutorial says it is after some seconds")


def test_what_is_left_out_is_in_the_tutorial() -> None:
    assert {*LEFT_OUT} <= {block.text.strip() for block in BLOCKS}


def test_output_is_shown_below_the_commands_that_print_it() -> None:
    assert BLOCKS[0].language == "sh"
    assert all(before.language == "sh" for before, block in pairwise(BLOCKS) if not block.language)


def look_again(shell: Shell, typed: Block, shown: Block, printed: str) -> str:
    """Return what commands print that only look, once all is there: an Event follows the status that it tells of."""
    ends = time.monotonic() + PATIENCE
    is_a_look = all(line.startswith(("kubectl get ", "kubectl describe ")) for line in typed.text.splitlines())
    while is_a_look and not shown_words(shown) <= words(printed) and time.monotonic() < ends:
        printed = shell.type(typed.text)
    return printed


def words(text: str) -> set[str]:
    """Return the words that are the same each time: without times, ages and generated names."""
    return {word for word in text.split() if not re.search(r"\d", word)}


def shown_words(block: Block) -> set[str]:
    found = words(block.text)
    assert found, f"{block} shows nothing that could be compared"
    return found
