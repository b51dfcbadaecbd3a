"""All reports there are: those that are shipped, and those in the folders of whoever runs the platform."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from feeds.reports.definition import NAME, Definition, DefinitionInvalid, Problem, read_definition

REPORTS_MAX: Final = 1_000


class Shelf(msgspec.Struct, frozen=True):
    """The reports by name. A file with `problems` is not among them."""

    reports: Mapping[str, Definition]
    problems: Sequence[Problem] = ()

    def known(self) -> str:
        """The names, as a sentence ends with them."""
        return ", ".join(sorted(self.reports)) or "none"


def read_shelf(folders: Iterable[Path], only: str | None = None) -> Shelf:
    """The reports of all folders, or the one called `only`.

    A name that is in two of them is a problem: nobody would know which one is meant.
    """
    wanted = "*" if only is None or not NAME.match(only) else only
    found: dict[str, Definition] = {}
    problems: list[Problem] = []
    for folder in folders:
        if not folder.is_dir():
            problems.append(Problem(str(folder), 1, "there is no such folder of reports"))
            continue
        for path in sorted(folder.glob(f"{wanted}.sql"))[:REPORTS_MAX]:
            try:
                definition = read_definition(path)
            except DefinitionInvalid as invalid:
                problems += invalid.problems
                continue
            if definition.name in found:
                other = found[definition.name].path
                problems.append(Problem(str(path), 1, f"{other} is called {definition.name}, too: rename this file"))
            else:
                found[definition.name] = definition
    return Shelf(found, problems)


def shipped_reports() -> Path:
    """The folder that is shipped with the code, next to the packages, whether installed or checked out."""
    return Path(__file__).resolve().parent.parent.parent / "reports"
