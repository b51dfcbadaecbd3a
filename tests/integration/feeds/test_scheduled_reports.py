"""The archive's process with schedules, as the supervisor starts it: reports come by folder and mail."""

import asyncio
import csv
import json
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from engine.commands import Spin
from tests.integration.feeds.report_home import Home, until
from tests.support.archiving import PlayedLog
from tests.support.notice_world import MailServer


def attached(mail: EmailMessage) -> tuple[str, bytes]:
    (part,) = mail.iter_attachments()
    return str(part.get_filename()), bytes(part.get_content())


@pytest.mark.timeout(200)
async def test_reports_arrive_once_in_a_folder_and_a_mailbox(
    tmp_path: Path, server: MailServer, yesterday: datetime
) -> None:
    home, log = Home(tmp_path, server), PlayedLog()
    records = [log.arrive("alice")]
    records += [log.batch(log.play("alice", Spin("book", "real", 20, 10))) for _ in range(3)]
    await home.archive(records)
    sink = await home.start()
    await until(lambda: len(home.delivered()) == 1 and len(server.mails) == 1)
    await sink.close()

    day = yesterday.strftime("%Y-%m-%d")
    (file,) = home.delivered()
    assert file.name.startswith(f"bonus-cost-{day}")
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert (row["day"], row["currency"], row["ggr_real"], row["bonus_cost"]) == (day, "EUR", "0.30", "0.00")
    name, content = attached(server.mails[0])
    assert name.startswith(f"bonus-cost-{day}") and name.endswith(".json")
    assert json.loads(content)["rows"][0]["ggr_real"] == 30

    again = await home.start()
    await asyncio.sleep(0.3)
    await again.close()
    assert (len(home.delivered()), len(server.mails)) == (1, 1)
