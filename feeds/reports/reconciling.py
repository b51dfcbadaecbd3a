"""Whether a report's figures are those that were counted elsewhere: the store's counters, and the engine's balances."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from feeds.reports.definition import Definition, Total
from feeds.reports.session import ReportFailed, Session, fetched

DIFFERENCES_MAX: Final = 100
COUNTERS_MAX: Final = 10_000

LEDGER: Final = """
WITH told AS (
    SELECT player_id, max(version) AS version,
        arg_max(real_after, version) AS real, arg_max(bonus_after, version) AS bonus
    FROM (
        SELECT player_id, version, real_after, bonus_after FROM facts_bets WHERE real_after IS NOT NULL AND time < $to
        UNION ALL
        SELECT player_id, version, real_after, bonus_after FROM facts_money WHERE real_after IS NOT NULL AND time < $to
    ) GROUP BY player_id
), moved AS (
    SELECT player_id, sum(real) AS real, sum(bonus) AS bonus
    FROM (
        SELECT player_id, version, real, bonus FROM facts_bets WHERE real <> 0 OR bonus <> 0
        UNION ALL SELECT player_id, version, real, bonus FROM facts_money WHERE real <> 0 OR bonus <> 0
        UNION ALL SELECT player_id, version, real, bonus FROM facts_bonuses WHERE real <> 0 OR bonus <> 0
    ) AS m JOIN (SELECT player_id, version AS last FROM told) USING (player_id)
    WHERE m.version <= last
    GROUP BY player_id
)
SELECT r.currency, sum(told.real), sum(coalesce(moved.real, 0)), sum(told.bonus), sum(coalesce(moved.bonus, 0)),
    count(*) FILTER (told.real <> coalesce(moved.real, 0) OR told.bonus <> coalesce(moved.bonus, 0))
FROM told JOIN registrations AS r USING (player_id) LEFT JOIN moved USING (player_id)
GROUP BY 1 ORDER BY 1
"""
"""Per currency: what the engine last answered each player, the sum of all that moved until then, and for how many
players the two differ: what one has too much does not make up for what another has too little.
"""


class Difference(msgspec.Struct, frozen=True):
    """Two numbers that should be the same, and are not."""

    what: str
    report: str
    counter: str


class Reconciled(msgspec.Struct, frozen=True):
    """`agrees`: None if nothing was compared; `note` says why something was not."""

    agrees: bool | None
    differences: Sequence[Difference] = ()
    note: str = ""


Rows = list[tuple[Any, ...]]


class Comparison(msgspec.Struct):
    """What a report is compared with the store by: the counters of which names are asked for."""

    names: list[str] = []
    of_totals: list[tuple[Total, dict[str, int]]] = []


def counted(session: Session, definition: Definition, values: Mapping[str, Any]) -> Comparison:
    """The report's own numbers for each counter of the store. Raises ReportFailed."""
    found = Comparison()
    for total in definition.header.reconcile:
        if total.counter is not None:
            numbers = {total.counter: _number(total, fetched(session.ask(total.sql, values), COUNTERS_MAX))}
        elif total.counters:
            numbers = dict(_named(total, fetched(session.ask(total.sql, values), COUNTERS_MAX)))
        else:
            continue
        found.of_totals.append((total, numbers))
        found.names += numbers
    return found


def _number(total: Total, rows: Rows) -> int:
    if len(rows) != 1 or len(rows[0]) != 1 or not isinstance(rows[0][0], int | None):
        raise ReportFailed(f"reconcile, {total.what}: one whole number is due")
    return rows[0][0] or 0


def _named(total: Total, rows: Rows) -> Iterator[tuple[str, int]]:
    for row in rows:
        if len(row) != 2 or not isinstance(row[0], str) or not isinstance(row[1], int):
            raise ReportFailed(f"reconcile, {total.what}: rows of a counter's name and a whole number are due")
        yield row[0], row[1]


def with_counters(comparison: Comparison, tallies: Mapping[str, int]) -> Iterator[Difference]:
    """Where the store has counted something else."""
    for total, numbers in comparison.of_totals:
        for name, number in numbers.items():
            if tallies[name] != number:
                what = total.what if total.counter is not None else f"{total.what}: {name}"
                yield Difference(what, str(number), str(tallies[name]))


def within(session: Session, definition: Definition, values: Mapping[str, Any]) -> Iterator[Difference]:
    """Where the facts contradict themselves: the ledger, and queries that must give the same. Raises ReportFailed."""
    if definition.header.ledger:
        compared = fetched(session.ask(LEDGER, values), COUNTERS_MAX)
        for currency, told_real, moved_real, told_bonus, moved_bonus, players in compared:
            if told_real != moved_real:
                yield Difference(f"real money in {currency}, minor units", str(moved_real), str(told_real))
            if told_bonus != moved_bonus:
                yield Difference(f"bonus money in {currency}, minor units", str(moved_bonus), str(told_bonus))
            if players:
                yield Difference(f"players in {currency} whose own balances differ", str(players), "0")
    for total in definition.header.reconcile:
        if total.equals is not None:
            ours = fetched(session.ask(total.sql, values), COUNTERS_MAX)
            others = fetched(session.ask(total.equals, values), COUNTERS_MAX)
            if ours != others:
                yield Difference(total.what, _shown(ours), _shown(others))


def _shown(rows: Rows) -> str:
    return "; ".join(", ".join(map(str, row)) for row in rows)[:500] or "nothing"
