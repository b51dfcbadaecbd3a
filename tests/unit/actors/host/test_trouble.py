"""A store that is away for a minute is two lines of the log, not thousands."""

import logging

import pytest

from actors.host.trouble import Trouble
from snapshots.errors import StoreRefused, StoreUnavailable

OOM = StoreRefused("Redis: OOM", "oom", proved=True)
FULL = StoreRefused("the disk is full", "full", proved=True)


def test_it_is_logged_when_it_begins_when_it_changes_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    trouble = Trouble(logging.getLogger("croupier.test"), "heartbeats are not answered", lambda: now)
    trouble.over()
    for failure in (StoreUnavailable("no answer"), StoreUnavailable("no answer, still"), OOM, OOM, FULL):
        trouble.met(failure)
        now += 1.0
    trouble.over()
    trouble.over()
    trouble.met(OOM)
    assert [record.getMessage() for record in caplog.records] == [
        "heartbeats are not answered, it is tried again: no answer",
        "heartbeats are not answered, it is tried again: Redis: OOM",
        "heartbeats are not answered, it is tried again: the disk is full",
        "heartbeats are not answered: over after 5.0 s",
        "heartbeats are not answered, it is tried again: Redis: OOM",
    ]
