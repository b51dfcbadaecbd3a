"""Rules §10: what becomes due, when, and as which command."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.catalog import Eligibility, TriggerCondition
from engine.commands import Result
from engine.due import due_digest, next_due, next_due_ms
from tests.support.playing import DAY_MS, START_MS, Table, campaign, catalog_with, spins, wager


def full() -> Table:
    """A package for 2 days, a grant for 3."""
    table = Table(catalog_with(campaign(fixed=100, free_spins=spins(2, valid_days=2), wager=wager(5, valid_days=3))))
    table.grant()
    return table


def test_nothing_is_due_without_grants() -> None:
    assert next_due(Table(real=100).state) is None
    assert next_due_ms(Table(real=100).state) is None


def test_in_order_of_due_times_and_each_at_its_own() -> None:
    table = full()
    assert next_due_ms(table.state) == START_MS + 2 * DAY_MS
    table.pass_days(10)
    done = [(t.command_id, t.time_ms) for t in table.transitions[2:]]
    assert done == [("due:expire:p2-1", START_MS + 2 * DAY_MS), ("due:expire:g2-1", START_MS + 3 * DAY_MS)]
    assert next_due(table.state) is None


def test_never_earlier_than_the_players_last_event() -> None:
    table = full()
    session = table.spin(10).session_id
    table.now += 5 * DAY_MS
    free = next_due(table.state)
    assert free is not None
    assert free.time_ms == START_MS + 2 * DAY_MS
    assert next_due_ms(table.state) == START_MS + 2 * DAY_MS
    table.state.time_ms = table.shadow.state.time_ms = START_MS + 4 * DAY_MS
    late = next_due(table.state)
    assert late is not None
    assert late.time_ms == START_MS + 4 * DAY_MS
    table.do(Result(session, 0))


def test_what_an_open_round_ties_is_not_due() -> None:
    table = full()
    session = table.free_spin().session_id
    assert next_due_ms(table.state) == START_MS + 3 * DAY_MS
    table.do(Result(session, 0))
    table.spin(10, game_id="dice")
    assert next_due_ms(table.state) == START_MS + 2 * DAY_MS


def test_a_used_up_package_is_never_due() -> None:
    table = Table(catalog_with(campaign(free_spins=spins(1))))
    table.grant()
    table.free_spin(0)
    assert next_due_ms(table.state) is None


def test_expiring_what_is_gone_does_nothing() -> None:
    table = full()
    due = next_due(table.state)
    assert due is not None
    table.free_spin(0)
    table.free_spin(0)
    table.run_command(due)
    assert table.transitions[-1].events == ()


def comeback(**fields: Any) -> Any:
    """A catalog with one campaign for a month of silence."""
    given: dict[str, Any] = {"trigger": "inactive", "condition": TriggerCondition(days=30), "per_player": 1}
    return catalog_with(campaign(**({"campaign_id": "comeback", "fixed": 500} | given | fields)))


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"per_player": 2}, False),
        ({"valid_from_ms": START_MS - 1}, False),
        ({"valid_to_ms": START_MS + DAY_MS}, False),
        ({"condition": TriggerCondition(days=31)}, False),
        ({"campaign_id": "return"}, False),
        ({"trigger": "manual", "condition": TriggerCondition()}, False),
        ({"wager": wager(9)}, True),
        ({"eligibility": Eligibility(segments=("vip",))}, True),
    ],
)
def test_the_digest_changes_with_what_due_times_depend_on_and_with_nothing_else(
    changed: dict[str, Any], same: bool
) -> None:
    assert (due_digest(comeback(**changed)) == due_digest(comeback())) is same


def test_the_digest_of_campaigns_that_wait_for_something_else_is_that_of_none() -> None:
    rules = catalog_with(campaign("gift", 100), campaign("spins", free_spins=spins(2)))
    assert due_digest(rules) == due_digest(catalog_with()) == due_digest(replace(rules, version="another"))
