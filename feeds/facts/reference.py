"""The columns in `docs/facts.md`. `python -m feeds.facts.reference` writes them anew."""

import inspect
from pathlib import Path
from typing import Final

from feeds.facts.columns import Column, columns
from feeds.facts.rows.base import COMMON
from feeds.facts.rows.making import FAMILIES, MAKERS

DOCUMENT: Final = Path("docs/facts.md")
BEGIN: Final = "<!-- The rest is written by python -m feeds.facts.reference -->\n"
_TYPES: Final = {
    "text": ("text", "string"),
    "texts": ("list of texts", "list<string>"),
    "integer": ("number", "int64"),
    "boolean": ("true or false", "bool"),
    "day": ("date", "date32"),
    "instant": ("time", "timestamp[ms, UTC]"),
}


def reference() -> str:
    """The columns of all families, then those of each."""
    common = [column for column in columns("bets") if column.name in COMMON]
    lines = ["\n## Columns of every family\n", *_table(common)]
    for family, kind in FAMILIES.items():
        own = [column for column in columns(family) if column.name not in COMMON]
        events = ", ".join(f"`{name}`" for of, name, _ in MAKERS.values() if of == family)
        lines += [f"\n## Family `{family}`\n", _doc(kind), f"\nEvents: {events}.\n", *_table(own)]
    return "\n".join(lines)


def _doc(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").replace("\n\n", "\n")


def _table(listed: list[Column]) -> list[str]:
    return ["| column | holds | in Parquet | |", "|---|---|---|---|", *map(_row, listed)]


def _row(column: Column) -> str:
    holds, stored = _TYPES.get(column.kind, (column.kind, "int64"))
    return f"| `{column.name}` | {holds} | {stored} | {column.words} |"


def renewed(document: str) -> str:
    """The document with its columns written anew."""
    return f"{document.partition(BEGIN)[0]}{BEGIN}{reference()}\n"


def main() -> None:
    """Writes them into the document."""
    DOCUMENT.write_text(renewed(DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
