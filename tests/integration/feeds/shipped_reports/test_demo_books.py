"""Reports of the golden archive against the books of the demo that played it.

The archive is what a real `croupier demo` left, a shard killed half-way included; it is made by

    croupier demo --players 5 --spins 1500 --seed 373 --keep DIR

of which `DIR/store/archive` and `DIR/books.json` are kept in `golden_demo`. It is committed so that each run of the
tests reads what an earlier Croupier wrote. tests/e2e/test_demo_books.py plays a new one.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from croupier.demo.keeping import read_books
from croupier.reporting.making import Sources
from snapshots.archive.place import ArchivePlace
from tests.support.demo_books import CHECKS, Accounts, Ask, asking, the_books_close

GOLDEN: Final = Path(__file__).parent / "golden_demo"
PLAYED_UNTIL: Final = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def accounts() -> Accounts:
    return read_books(GOLDEN / "books.json")


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    sources = Sources(tmp_path_factory.mktemp("facts"), ArchivePlace(str(GOLDEN / "archive")))
    return asking(sources, PLAYED_UNTIL, lambda about: None)


def test_the_demo_has_played_all_that_the_books_know(accounts: Accounts) -> None:
    the_books_close(accounts)
    for figure in ("completed", "spins_used", "bonus_staked", "released"):
        assert any(getattr(account.moved, figure) for account in accounts.values()), figure


@pytest.mark.parametrize("name", CHECKS)
def test_a_report_says_what_the_demos_books_say(ask: Ask, accounts: Accounts, name: str) -> None:
    CHECKS[name](ask, accounts)
