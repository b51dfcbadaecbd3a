"""Whether a report's SQL can be asked: it is, of facts that are empty."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from feeds.reports.definition import CATALOG, FROM, TIME_ZONE, TO, Definition, Problem
from feeds.reports.running import demand_columns
from feeds.reports.session import ReportFailed, Session, opened

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SIGNED: Final = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"})
_WHOLE: Final = _SIGNED | {f"U{name}" for name in _SIGNED}
_FITTING: Final = {
    "money": _WHOLE,
    "count": _WHOLE,
    "points": _WHOLE,
    "micro_eur": _WHOLE,
    "ratio": _WHOLE | {"DOUBLE", "FLOAT", "DECIMAL"},
    "time": frozenset({"TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "DATE"}),
}
"""By type of a column: what the SQL may answer. A text may be anything."""


def check(definition: Definition) -> list[Problem]:
    """Everything that is wrong with the SQL."""
    with TemporaryDirectory(prefix="croupier-check-") as empty, opened(Path(empty), "UTC") as session:
        return list(_problems(session, definition))


def _problems(session: Session, definition: Definition) -> Iterator[Problem]:
    values = {FROM: _EPOCH, TO: _EPOCH, TIME_ZONE: "UTC", CATALOG: "{}"} | {
        parameter.name: 0 if parameter.type == "count" else "" for parameter in definition.header.parameters
    }
    try:
        cursor = session.ask(definition.sql, values)
        demand_columns(definition, cursor)
    except ReportFailed as failure:
        yield Problem(definition.path, failure.line or _first_line(definition), str(failure))
    else:
        yield from _types(definition, cursor.description)
    for total in definition.header.reconcile:
        for sql in filter(None, (total.sql, total.equals)):
            try:
                session.ask(sql, values)
            except ReportFailed as failure:
                yield Problem(definition.path, 1, f"reconcile, {total.what}: {failure}")


def _types(definition: Definition, description: Any) -> Iterator[Problem]:
    for column, (name, kind, *_) in zip(definition.header.columns, description, strict=True):
        answered = str(kind).partition("(")[0]
        fitting = _FITTING.get(column.type)
        if fitting is not None and answered not in fitting:
            reason = (
                f"the column {name} is {column.type}, but the SQL answers {answered}: cast it, as in {name}::BIGINT"
            )
            yield Problem(definition.path, _first_line(definition), reason)


def _first_line(definition: Definition) -> int:
    lines = definition.sql.split("\n")
    return next((at for at, line in enumerate(lines, 1) if line.strip()), 1)
