"""The shipped reports in `docs/reports-shipped.md`. `python -m feeds.reports.reference` writes them anew."""

from pathlib import Path
from typing import Final

from feeds.reports.definition import Column, Definition, Header
from feeds.reports.shelf import read_shelf, shipped_reports

DOCUMENT: Final = Path("docs/reports-shipped.md")
BEGIN: Final = "<!-- The rest is written by python -m feeds.reports.reference -->\n"
_HIDDEN: Final = frozenset({"exponent"})


def reference() -> str:
    """What each report says, in the words of its header."""
    found = sorted(read_shelf([shipped_reports()]).reports.items())
    lines = ["\n| report | says | for |", "|---|---|---|"]
    lines += [
        f"| [`{name}`](#{name}) | {_cell(each.header.description)} | {_roles(each.header)} |" for name, each in found
    ]
    for _, definition in found:
        lines += _section(definition)
    return "\n".join(lines)


def _section(definition: Definition) -> list[str]:
    header = definition.header
    lines = [f"\n## {definition.name}\n", f"**{header.title}.** {header.description}\n"]
    lines += [f"- *{what}*: {words}" for what, words in header.definitions.items()]
    lines += [f"- Parameter `{each.name}`: {each.words}" for each in header.parameters]
    lines += [f"- Reconciled: {each.what.lower()}." for each in header.reconcile]
    lines += ["- Reconciled: the players' balances, as the engine answered them."] if header.ledger else []
    lines += ["- Its JSON is signed by the key of the audit."] if header.signed else []
    lines += ["", "| column | holds | |", "|---|---|---|"]
    return lines + [_row(column) for column in header.columns if column.name not in _HIDDEN]


def _row(column: Column) -> str:
    return f"| `{column.name}` | {column.type.replace('micro_eur', 'EUR')} | {_cell(column.words)} |"


def _roles(header: Header) -> str:
    return ", ".join(f"`{role}`" for role in header.roles)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def renewed(document: str) -> str:
    """The document with its reports written anew."""
    return f"{document.partition(BEGIN)[0]}{BEGIN}{reference()}\n"


def main() -> None:
    """Writes them into the document."""
    DOCUMENT.write_text(renewed(DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
