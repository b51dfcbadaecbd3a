"""What a killed process leaves in the folder for temporary files is removed by the next one, and nothing else is."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.wire.socket_folder import PREFIX, SocketFolder, remove_leftovers

HOLD = """
import time
from actors.wire.socket_folder import SocketFolder
folder = SocketFolder()
(folder.path / "s0.sock").touch()
print(folder.path, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _own_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def left(tmp_path: Path) -> set[Path]:
    return set(tmp_path.iterdir())


def test_a_folder_is_for_this_user_alone_and_goes_when_it_is_closed(tmp_path: Path) -> None:
    folder = SocketFolder()
    assert left(tmp_path) == {folder.path}
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.close()
    folder.close()
    assert left(tmp_path) == set()


def test_that_of_a_killed_process_is_removed_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    own = SocketFolder()
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        path = Path(other.stdout.readline().strip())
        assert remove_leftovers() == 0
        assert left(tmp_path) == {own.path, path}
        os.kill(other.pid, signal.SIGKILL)
    assert remove_leftovers() == 1
    assert left(tmp_path) == {own.path}
    own.close()


def test_what_only_looks_like_one_stays(tmp_path: Path) -> None:
    """A file, a link to somewhere else, a folder of another name."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"{PREFIX}file").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    there = left(tmp_path)
    assert remove_leftovers() == 0
    assert left(tmp_path) == there


def test_a_folder_removed_before_it_could_be_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def made_and_gone(prefix: str) -> str:
        made.append(str(tmp_path / f"{prefix}{len(made)}"))
        if len(made) > 1:
            os.mkdir(made[-1], 0o700)
        return made[-1]

    monkeypatch.setattr("actors.wire.socket_folder.mkdtemp", made_and_gone)
    folder = SocketFolder()
    assert len(made) == 2
    assert folder.path == Path(made[1])
    folder.close()
