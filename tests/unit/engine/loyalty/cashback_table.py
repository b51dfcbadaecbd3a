"""A player on a level that gets cashback, and what tests of cashback see of it."""

from engine.catalog import Campaign
from engine.commands import (
    ForceLevel,
)
from engine.events import CashbackSettled
from engine.loyalty.turnover import week_ends_ms, week_of
from engine.state import Grant
from tests.support.ladder import EUR, at, vip_house
from tests.support.playing import DAY_MS, Table

MONDAY, NEXT_MONDAY = "2026-01-05", "2026-01-12"
WEEK = week_of(at(MONDAY) // DAY_MS)


def at_level(level: str = "silver", *campaigns: Campaign, currency: str = "EUR") -> Table:
    """On the Monday, with 10 000 of real money in the currency, on a forced level."""
    table = Table(vip_house(*campaigns), 10_000 * EUR, currency)
    table.do(ForceLevel(level, "a test"))
    table.pass_until(at(MONDAY))
    return table


def settled(table: Table) -> list[CashbackSettled]:
    return [
        event for transition in table.transitions for event in transition.events if isinstance(event, CashbackSettled)
    ]


def cashback(table: Table) -> list[Grant]:
    grants = [*table.state.ended_grants, *table.state.grants]
    return [grant for grant in grants if grant.source == "cashback"]


def paid(table: Table) -> list[int]:
    return [grant.amount for grant in cashback(table)]


def lose(table: Table, amount: int, key: str | None = None) -> None:
    table.spin(amount, 0, key=key)


def over_the_weekend(table: Table, stake: int = 1_000 * EUR, key: str | None = None) -> str:
    """The session of a round that is opened on Sunday and still open on Monday at 01:00."""
    table.pass_until(at("2026-01-11T23:00"))
    session: str = table.spin(stake, key=key).session_id
    table.pass_until(at("2026-01-12T01:00"))
    return session


def weeks_of(table: Table, *losses: int) -> list[int]:
    """What is paid for those weeks, one after the other, each with a loss of so many EUR."""
    before = len(settled(table))
    for loss in losses:
        if loss:
            lose(table, loss * EUR)
        ends = week_ends_ms(week_of(table.now // DAY_MS))
        table.pass_until(ends)
    return [event.amount for event in settled(table)[before:]]
