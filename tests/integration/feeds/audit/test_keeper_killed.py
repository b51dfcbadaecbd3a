"""The audit's keeper is ended by SIGKILL, again and again: what an auditor has kept meanwhile stays true.

tests/unit/feeds/audit/test_keeper.py stops it at every object instead, within one process.
"""

import asyncio
import shutil
import sys
from pathlib import Path
from random import Random

import pytest

from croupier.audit.verifying import Wanted, verify
from snapshots.archive.place import ArchivePlace
from tests.integration.feeds.audit.keeper_life import SPINS

KILLS = 8
OBJECTS_MAX = 25
"""A life is killed after it has put so many objects at most."""


async def a_life(folder: Path) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "tests.integration.feeds.audit.keeper_life", str(folder))
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


async def killed_after(life: asyncio.subprocess.Process, objects: int) -> bool:
    """Whether it was killed before its end."""
    assert life.stdout is not None
    for _ in range(objects):
        if not await life.stdout.readline():
            break
    if life.returncode is None:
        life.kill()
    return await life.wait() != 0


@pytest.mark.long  # each life is a process that archives everything
@pytest.mark.timeout(300)
async def test_killed_again_and_again_the_log_only_grows(tmp_path: Path) -> None:
    random, archive, kept = Random(5), tmp_path / "archive", tmp_path / "kept"
    killed = 0
    for _ in range(KILLS):
        killed += await killed_after(await a_life(tmp_path), random.randint(1, OBJECTS_MAX))
        if (archive / "checkpoints").is_dir():
            shutil.copytree(archive / "checkpoints", kept, dirs_exist_ok=True)
    assert killed > KILLS // 2
    last = await a_life(tmp_path)
    assert (await last.communicate())[0] is not None and last.returncode == 0

    since = tuple((str(path), path.read_text()) for path in sorted(kept.rglob("*.note")))
    assert len(since) > KILLS // 2, "an auditor has kept checkpoints of many lives"
    found = await verify(Wanted(ArchivePlace(str(archive)), since=since))
    assert found.faults == []
    assert found.covered == found.leaves >= SPINS + 6 + KILLS + 1, (
        "spins, two arrivals, and a control entry of each life"
    )
