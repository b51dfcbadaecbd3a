"""The archive's process is ended by SIGKILL at each step of a scheduled report; the next life delivers it once."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from engine.commands import Spin
from feeds.following.noting import StoreNotes
from feeds.reports.schedules.settings import ReportsSettings
from feeds.reports.schedules.standing import PREFIX, Standing
from snapshots.contract import ARCHIVE
from snapshots.opening import open_store
from tests.integration.feeds.report_home import WAIT_S, Home, until
from tests.support.archiving import PlayedLog
from tests.support.notice_world import MailServer

Process = asyncio.subprocess.Process
pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]  # each life is a process, and so is each report


async def prepared(folder: Path, server: MailServer, schedule: str) -> Home:
    """Something was played yesterday; the schedule's report is due since an hour ago."""
    home, log = Home(folder, server), PlayedLog()
    await home.archive([log.arrive("alice"), log.batch(log.play("alice", Spin("book", "real", 20, 10)))])
    await home.seal()
    reports = ReportsSettings({schedule: home.reports.schedules[schedule]}, home.reports.mail)
    (folder / "settings.json").write_text(home.plan(reports).settings.decode())
    store = open_store(f"sqlite:{folder}")
    await store.open()
    notes = StoreNotes(store, await store.claim_reader(ARCHIVE, "the-test"))
    await notes.write({**home.notes.kept})
    await store.close()
    return home


async def a_life(folder: Path, step: str = "") -> Process:
    command = (sys.executable, "-m", "tests.integration.feeds.schedule_step", str(folder), step)
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


async def says(life: Process, word: str) -> None:
    assert life.stdout is not None
    async with asyncio.timeout(WAIT_S):
        while (line := await life.stdout.readline()).decode().strip() != word:
            assert line, "the process has ended"


async def kill(life: Process) -> None:
    life.kill()
    await life.wait()


async def standing(folder: Path, schedule: str) -> Standing:
    store = open_store(f"sqlite:{folder}")
    await store.open()
    found = await store.reader_notes(ARCHIVE, PREFIX, "", 10)
    await store.close()
    return msgspec.json.decode(found[PREFIX + schedule], type=Standing)


async def goes_on(folder: Path, schedule: str, yesterday: datetime) -> None:
    """The next life looks twice, and has noted the day; nothing is on its way."""
    life = await a_life(folder)
    await says(life, "looked")
    await says(life, "looked")
    await kill(life)
    noted = await standing(folder, schedule)
    assert (noted.last, noted.sending) == (yesterday.strftime("%Y-%m-%d"), "")


@pytest.mark.parametrize("step", ["made", "delivering", "delivered", "noted"])
async def test_a_folder_has_the_report_once(tmp_path: Path, server: MailServer, yesterday: datetime, step: str) -> None:
    home = await prepared(tmp_path, server, "cost")
    life = await a_life(tmp_path, step)
    await says(life, step)
    was = [path.read_bytes() for path in home.delivered()]
    assert len(was) == (0 if step == "made" else 1)
    await kill(life)
    await goes_on(tmp_path, "cost", yesterday)
    (file,) = home.delivered()
    assert file.read_bytes() in (was or [file.read_bytes()]) and b"EUR" in file.read_bytes()


@pytest.mark.parametrize(("step", "copies"), [("made", 1), ("delivering", 2), ("delivered", 2), ("noted", 1)])
async def test_a_mail_comes_once_and_a_second_copy_says_so(
    tmp_path: Path, server: MailServer, yesterday: datetime, step: str, copies: int
) -> None:
    """A mail server may have what nobody has heard of: then the same mail comes again, and says that it may be one."""
    await prepared(tmp_path, server, "mailed")
    if step == "delivering":
        await killed_while_sending(tmp_path, server)
    else:
        life = await a_life(tmp_path, step)
        await says(life, step)
        await kill(life)
    await goes_on(tmp_path, "mailed", yesterday)
    assert len(server.attempts) == copies
    assert len({mail["Message-ID"] for mail in server.attempts}) == 1
    texts = [mail.get_body(("plain",)).get_content() for mail in server.attempts]  # type: ignore[union-attr]
    assert ["second copy" in text for text in texts] == [False, True][:copies]


async def killed_while_sending(folder: Path, server: MailServer) -> None:
    """The server has read the whole mail; its answer never comes, because nobody is there any more."""
    server.hold.clear()
    life = await a_life(folder)
    await until(lambda: len(server.attempts) == 1)
    await kill(life)
    server.hold.set()
