"""Scheduled reports across SIGKILL, at moments that chance chooses, and across the night on which clocks change."""

import asyncio
import json
import sys
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from feeds.reports.schedules.standing import Standing, Standings
from tests.integration.feeds.schedule_life import DAYS, START_MS, FileNotes

KILLS = 12
LABELS = [(date(2026, 3, 1) + timedelta(days=number)).isoformat() for number in range(DAYS)]


async def a_life(folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.feeds.schedule_life", str(folder)
    )


@pytest.mark.long  # each life is a process; tests/unit/feeds/reports/test_schedules.py kills at every step instead
@pytest.mark.timeout(300)
async def test_killed_again_and_again_each_day_is_delivered_once(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    random = Random(29)
    for name in ("placed", "mailed"):
        await Standings(FileNotes(tmp_path / "notes")).write(name, Standing(START_MS))
    (tmp_path / "began").write_text(str(time.time()))
    life = await a_life(tmp_path)
    bitten = 0
    for _ in range(KILLS):
        await asyncio.sleep(random.uniform(0.3, 1.6))
        if life.returncode is None:
            bitten += 1
            life.kill()
        await life.wait()
        life = await a_life(tmp_path)
    assert await life.wait() == 0
    assert bitten >= KILLS // 2

    placed = sorted(path.name for path in (tmp_path / "there").rglob("*.pdf"))
    assert placed == [f"closing-{label}.pdf" for label in LABELS]
    mails = [json.loads(line) for line in (tmp_path / "mails").read_text().splitlines()]
    counted = Counter(name.rpartition("/")[2] for name, _ in mails)
    assert sorted(counted) == [f"closing-{label}.pdf" for label in LABELS]
    seen: set[str] = set()
    for name, remarks in mails:
        assert name not in seen or "second copy" in " ".join(remarks)
        seen.add(name)
    assert len(mails) - len(seen) <= KILLS
