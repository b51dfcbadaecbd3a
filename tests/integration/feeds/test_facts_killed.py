"""A rebuild that is killed at any moment: the next one goes on, and in the end the facts are those of one go.

The short sibling, which stops a rebuild in one place, is in `tests/unit/feeds/facts/test_rebuilding.py`.
"""

import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest

from feeds.facts.manifest import load
from tests.support.playing import Table
from tests.support.sealed_archive import SealedArchive

KILLS, SEGMENTS, SPINS = 12, 30, 200
IN_SMALL_BATCHES = "from feeds.facts import batch; batch.ROWS_MAX = 700; from croupier.__main__ import run; run()"


def rows_of(folder: Path) -> list[tuple[object, ...]]:
    """All rows of bets that are in force."""
    files = [file for file in load(folder).files if file.family == "bets"]
    return sorted(
        tuple(row[name] for name in ("player_id", "version", "n", "event", "real", "real_after"))
        for file in files
        for row in pq.read_table(folder / file.path).to_pylist()
    )


def rebuild(archive: Path, facts: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", IN_SMALL_BATCHES, "facts", "rebuild", f"--archive={archive}", f"--facts={facts}"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_rebuild_survives_kill_9(tmp_path: Path) -> None:
    archive, facts = SealedArchive(tmp_path / "archive"), tmp_path / "facts"
    for _ in range(SEGMENTS):
        table = Table(real=1_000_000)
        for _ in range(SPINS):
            table.spin(10, 10)
        await archive.seal(table.transitions)
    began = time.monotonic()
    assert rebuild(archive.folder, tmp_path / "one").wait() == 0
    whole_s = time.monotonic() - began
    random, came = Random(11), []
    for _ in range(KILLS):
        child = rebuild(archive.folder, facts)
        time.sleep(random.uniform(0.3, 1.0) * whole_s)
        child.kill()
        child.wait()
        came.append(load(facts).through if facts.is_dir() else 0)
    assert came == sorted(came), "what was in force stayed so"
    assert rebuild(archive.folder, facts).wait() == 0
    assert rows_of(facts) == rows_of(tmp_path / "one") != []
    assert set(facts.glob("*/*/*")) == {facts / file.path for file in load(facts).files}
