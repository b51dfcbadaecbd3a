"""`docs/how-to-add.md` stays true: its files exist, and its examples stand in the files it names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", (ROOT / "docs/how-to-add.md").read_text(), re.M | re.S))
FILE = re.compile(r"`([a-z_]+(?:/[a-z_]+)*/[a-z_]+\.(?:py|lua|md))`")
EXAMPLES = {
    "A command": r"ClearFlag|FlagCleared|flag_cleared",
    "A trigger of campaigns": r"inactive|INACTIVE|silence",
    "A public event": r"PlayerErased",
    "A refusal": r"flag_not_found",
    "A call of the store": r"held_reservations",
    "A metric": r"money_withdrawn",
    "A field of a campaign": r"max_bet_counts",
}
OF_A_ROUND = "croupier/audit/verify.py"
"""One more file for the example: its event names a round."""
PRODUCT_FILES_MAX = 9
"""Of a new command."""


def files(section: str, only_table: bool = False) -> list[str]:
    lines = [line for line in SECTIONS[section].splitlines() if not only_table or line.startswith("|")]
    firsts = (FILE.search(line) if only_table else None for line in lines)
    return [found[1] for found in firsts if found] if only_table else FILE.findall("\n".join(lines))


@pytest.mark.parametrize("section", SECTIONS)
def test_every_file_it_names_is_there(section: str) -> None:
    assert [name for name in files(section) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("section", EXAMPLES)
def test_the_example_stands_in_every_file_of_the_checklist(section: str) -> None:
    named = files(section, only_table=True)
    assert named
    assert [name for name in named if not re.search(EXAMPLES[section], (ROOT / name).read_text())] == []


def test_a_command_touches_no_other_product_file() -> None:
    touched = {
        str(path.relative_to(ROOT))
        for package in ("engine", "snapshots", "actors", "gateway", "croupier")
        for path in (ROOT / package).rglob("*.py")
        if re.search(EXAMPLES["A command"], path.read_text())
    }
    table = set(files("A command", only_table=True))
    assert OF_A_ROUND in files("A command")
    assert touched == table | {OF_A_ROUND}
    assert len(table) <= PRODUCT_FILES_MAX
