"""What lies in the archive of a running Croupier: the journal byte by byte, without persons who were erased.

Comes last in this folder: what an erased player had can't be recomputed any more, as `test_receipts.py` wants of all.
"""

import asyncio
from pathlib import Path

import pytest

from snapshots.contract import LogRecord
from tests.e2e.archive_story import archived, check_forgotten, come_and_go, transitions
from tests.support.croupier_up import CroupierUp, wait_until

pytestmark = pytest.mark.timeout(240)


def test_the_journal_is_archived_and_an_erased_player_is_forgotten(proven: CroupierUp, proven_folder: Path) -> None:
    come_and_go(proven)

    def read() -> list[LogRecord]:
        return asyncio.run(archived(proven_folder / "store", proven_folder / "archive"))

    wait_until("carol is in the archive", lambda: "carol" in {found.player_id for found in transitions(read())})
    check_forgotten(read())
