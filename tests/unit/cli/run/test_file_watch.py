import os
from pathlib import Path

import pytest

from botsession_operator.cli.run.file_watch import Watched


@pytest.fixture
def files(tmp_path: Path) -> Watched:
    (tmp_path / "bot.py").write_text("one")
    # Long ago: the clock that some kernels put on files stands still for milliseconds.
    os.utime(tmp_path / "bot.py", (0, 0))
    files = Watched(tmp_path)
    files.remember()
    return files


def test_what_was_read_has_not_changed(files: Watched) -> None:
    assert files.changed() == []


def test_file_that_is_written_has_changed_until_it_is_read_again(files: Watched) -> None:
    (files.folder / "bot.py").write_text("two")
    assert files.changed() == ["bot.py"]
    files.remember()
    assert files.changed() == []


def test_file_that_comes_or_goes_is_a_change(files: Watched) -> None:
    (files.folder / "session.yaml").write_text("")
    (files.folder / "bot.py").unlink()
    assert files.changed() == ["bot.py", "session.yaml"]


def test_what_a_bot_writes_beside_itself_is_none(files: Watched) -> None:
    (files.folder / "calls.wav").write_bytes(b"sound")
    assert files.changed() == []


async def test_change_from_before_anybody_watched_is_found(files: Watched) -> None:
    (files.folder / "bot.py").write_text("two")
    assert await files.change() == ["bot.py"]
