"""What tests of scheduled reports share: a mail server, and a day on which something was played."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.support import archiving
from tests.support.notice_world import MailServer


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    mail_server = MailServer()
    await mail_server.start()
    yield mail_server
    await mail_server.stop()


@pytest.fixture
def yesterday(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The journal is played at noon of the day before the one on which the reports became due, an hour ago."""
    today = (datetime.now(UTC) - timedelta(hours=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    noon = today - timedelta(hours=12)
    monkeypatch.setattr(archiving, "START_MS", round(noon.timestamp() * 1_000))
    return today - timedelta(days=1)
