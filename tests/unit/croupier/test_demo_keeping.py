"""`croupier demo --keep DIR`: where it keeps, and that nobody's files are mixed with it."""

from pathlib import Path

import pytest

from croupier.cli import main
from croupier.demo.keeping import empty_folder, read_books, write_books
from croupier.demo.ledger import Account


def test_a_folder_that_is_in_use_is_not_played_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("mine")
    assert main(["demo", "--keep", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and "not empty; name a new one" in said.err


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    assert empty_folder(tmp_path / "a/b").is_dir()


def test_books_are_read_as_they_were_written(tmp_path: Path) -> None:
    """A win that completes a bonus, and a bet that was taken back, which the books then know nothing of."""
    account = Account()
    account.deposit(1_000)
    for _ in range(9):
        account.bet("book-of-dunes", 100)
        account.win(150)
    before = account.copy()
    account.bet("nine-lanterns", 200)
    account.win(700)
    account = before
    write_books(tmp_path, {"p1": account})
    read = read_books(tmp_path / "books.json")["p1"]
    assert read == account
    assert (read.moved.deposits, read.moved.staked, read.moved.won, list(read.moved.games)) == (
        1_000, 900, 1_350, ["book-of-dunes"],
    )  # fmt: skip
