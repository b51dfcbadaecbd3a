"""One report, asked of a folder of facts. Call it in a process of its own (see `session`)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from feeds.reports.answer import About, PeriodJson
from feeds.reports.configured import NOTHING, Configured
from feeds.reports.definition import CATALOG, FROM, TIME_ZONE, TO, Definition
from feeds.reports.pdf.document import Chart
from feeds.reports.period import Period, RequestInvalid
from feeds.reports.reconciling import Comparison, Difference, Reconciled, counted, within
from feeds.reports.sealed import sealed_until_ms
from feeds.reports.session import ReportFailed, Session, fetched, opened

FETCHED: Final = 10_000
"""Rows that are in memory at a time."""
TEXT_MAX: Final = 256
Row = tuple[Any, ...]


class Outside(msgspec.Struct, frozen=True):
    """What is known beside the facts: `level_ms` (Unix ms), when they had all that the journal had, 0 if they had not;
    the archive's `checkpoint`; `vouched`, False as long as none covers the period; how the report compares with the
    store's counters; and what the catalog says.
    """

    level_ms: int = 0
    checkpoint: str = ""
    vouched: bool = True
    compare: Callable[[Comparison], Reconciled] | None = None
    configured: Configured = NOTHING


class Asked(msgspec.Struct):
    """A report on its way: what it says of itself, and its rows.

    `fleeting`: it is compared with the store's counters, which go on counting, so the outcome depends on the moment.
    """

    about: About
    rows: Iterator[Row]
    charts: Sequence[Chart] = ()
    fleeting: bool = False


def parameters_of(definition: Definition, given: Mapping[str, str]) -> dict[str, str | int | None]:
    """The values of the report's own parameters. Raises RequestInvalid."""
    known = {parameter.name: parameter for parameter in definition.header.parameters}
    for name in given:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise RequestInvalid(name, f"is no parameter of the report {definition.name}, which has: {listed}")
    found: dict[str, str | int | None] = {}
    for name, parameter in known.items():
        if name in given:
            found[name] = _value(name, parameter.type, given[name])
        elif parameter.default is None:
            raise RequestInvalid(name, f"the report {definition.name} needs it: {parameter.words or parameter.type}")
        else:
            found[name] = parameter.default
    return found


def _value(name: str, kind: str, text: str) -> str | int:
    if len(text) > TEXT_MAX:
        raise RequestInvalid(name, f"has at most {TEXT_MAX} characters")
    if kind != "count":
        return text
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise RequestInvalid(name, f"{text[:64]!a} is no whole number")
    return int(text)


@contextmanager
def asked(
    definition: Definition, period: Period, given: Mapping[str, str], folder: Path, outside: Outside
) -> Iterator[Asked]:
    """The report. Raises RequestInvalid, ReportFailed, FactsUnusable, the last two also while rows are read."""
    own = parameters_of(definition, given)
    with opened(folder, period.zone) as session:
        values = own | {FROM: period.since, TO: period.until, TIME_ZONE: period.zone}
        values[CATALOG] = outside.configured.json
        reconciled = _reconciled(session, definition, values, outside)
        cursor = session.ask(definition.sql, values)
        demand_columns(definition, cursor)
        sealed = max(sealed_until_ms(session.manifest), outside.level_ms)
        about = About(
            name=definition.name,
            title=definition.header.title,
            description=definition.header.description,
            period=PeriodJson(_utc(period.since), _utc(period.until)),
            time_zone=period.zone,
            parameters=own,
            provisional=sealed < period.until_ms or not outside.vouched,
            checkpoint=outside.checkpoint,
            reconciled=reconciled.agrees,
            differences=reconciled.differences,
            note=" ".join(filter(None, (reconciled.note, outside.configured.note))),
            catalog=outside.configured.version,
            definitions=definition.header.definitions,
            columns=definition.header.columns,
        )
        fleeting = any(total.equals is None for total in definition.header.reconcile)
        yield Asked(about, _rows(cursor), definition.header.charts, fleeting)


def _utc(instant: Any) -> str:
    return str(instant.isoformat(timespec="milliseconds")).replace("+00:00", "Z")


def _reconciled(session: Session, definition: Definition, values: Mapping[str, Any], outside: Outside) -> Reconciled:
    """A difference anywhere is a difference; if only a part could be compared, `note` says so."""
    header = definition.header
    if not header.ledger and not header.reconcile:
        return Reconciled(None)
    differences: list[Difference] = list(within(session, definition, values))
    inside = header.ledger or any(total.equals is not None for total in header.reconcile)
    comparison = counted(session, definition, values)
    said = Reconciled(None)
    if comparison.of_totals:
        said = Reconciled(None, (), "The store's counters were not asked.")
        if outside.compare is not None:
            said = outside.compare(comparison)
    differences += said.differences
    agrees = False if differences else True if inside else said.agrees
    return Reconciled(agrees, differences, said.note)


def demand_columns(definition: Definition, cursor: Any) -> None:
    """Raises ReportFailed if the SQL answers other columns than the header names."""
    answered = [column[0] for column in cursor.description]
    named = [column.name for column in definition.header.columns]
    if answered != named:
        raise ReportFailed(f"the SQL answers the columns {', '.join(answered)}; the header names {', '.join(named)}")


def _rows(cursor: Any) -> Iterator[Row]:
    while rows := fetched(cursor, FETCHED):
        yield from rows
