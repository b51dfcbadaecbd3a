"""A new demo is played and kept: its archive verifies, and each report says what the demo's own books say."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from croupier.demo.keeping import read_books
from croupier.reporting.making import Sources
from feeds.reports.answer import About
from snapshots.archive.place import ArchivePlace
from tests.support.croupier_up import croupier
from tests.support.demo_books import CHECKS, asking, the_books_close


@pytest.mark.long  # 10 000 spins; tests/integration/feeds/shipped_reports reads a demo that was played before
@pytest.mark.timeout(300)
def test_the_reports_of_a_new_demo_say_what_its_books_say(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    ended = croupier("demo", "--players", "40", "--spins", "10000", "--seed", "7", "--keep", str(kept), timeout=200)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    archive = kept / "store" / "archive"
    verified = croupier("audit", "verify", str(archive))
    assert verified.returncode == 0, verified.stdout + verified.stderr

    compared = []

    def expect(about: About) -> None:
        assert not about.provisional, "all was sealed before the demo ended"
        compared.append(about.reconciled)

    sources = Sources(tmp_path / "facts", ArchivePlace(str(archive)), f"sqlite:{kept / 'store'}")
    ask = asking(sources, datetime.now(UTC), expect)
    accounts = read_books(kept / "books.json")
    the_books_close(accounts)
    for check in CHECKS.values():
        check(ask, accounts)
    assert True in compared and False not in compared, "the store has counted the same"
