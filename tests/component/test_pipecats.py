"""The facts about Pipecat (tests/facts) with the older versions; with the newest they are run where they are."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.pipecats import NEWEST, ROOT, VERSIONS, interpreter
from tests.support import Table, installed


@pytest.mark.old_pipecat
@pytest.mark.parametrize("pipecat", VERSIONS[:-1])
def test_facts_hold(pipecat: str, tmp_path: Path, pytestconfig: pytest.Config, support: Table) -> None:
    found = tmp_path / "found.json"
    record = [f"--record-support={found}"] if pytestconfig.option.record_support else []
    options = ["-p", "no:cacheprovider", "-W", "ignore", "--show-capture=no", f"--basetemp={tmp_path / 'pytest'}"]
    ran = subprocess.run(
        [interpreter(pipecat), "-m", "pytest", "tests/facts", *options, *record],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "runtime" / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-20000:] + ran.stderr[-2000:]
    support.add(Table.read(found))


def test_newest_version_is_the_one_beside_pytest() -> None:
    assert installed() == NEWEST, "requirements/pipecat-versions.txt ends with another version than pyproject.toml has"
