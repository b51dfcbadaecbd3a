"""Rules §10 for loyalty: in the order of due times, each at its own, and nothing that has no business."""

from msgspec.structs import replace

from engine.commands import Command, RequestRedemption, Result
from engine.due import next_due, next_due_ms
from tests.support.ladder import EUR, HOUR_MS, at, rules, vip_house
from tests.support.playing import DAY_MS, START_MS, Table, campaign, catalog_with, wager


def done(table: Table, first: int) -> list[tuple[str, int]]:
    """Due work since the `first` transition: kind, and hours since 1 January 2026."""
    return [
        (transition.command_id.split(":")[1], (transition.time_ms - START_MS) // HOUR_MS)
        for transition in table.transitions[first:]
        if transition.command_id.startswith("due:")
    ]


def test_a_player_who_did_nothing_has_nothing_due() -> None:
    table = Table(vip_house(), 1_000)
    assert next_due(table.state, catalog=table.catalog) is None


def test_without_a_ladder_or_a_catalog_loyalty_has_no_work() -> None:
    table = Table(vip_house(), 100_000 * EUR)
    table.spin(60_000 * EUR, 0)
    assert next_due_ms(table.state, catalog_with()) is None
    assert next_due_ms(table.state) is None


def test_locked_points_are_unlocked_in_time_even_if_the_ladder_is_taken_away() -> None:
    table = Table(vip_house(), 100_000 * EUR)
    table.spin(2_000 * EUR, 0)
    table.do(RequestRedemption(1_000))
    table.catalog = catalog_with()
    first = len(table.transitions)
    table.pass_days(30)
    assert done(table, first) == [("lapse_redemption", 72)]
    assert (table.state.loyalty.locked, next_due(table.state, catalog=table.catalog)) == (0, None)


def test_a_year_away_in_one_go_is_a_year_in_order() -> None:
    """60 000 EUR lost on Thursday 1 January 2026, 2 000 points locked, and never back."""
    table = Table(vip_house(), 100_000 * EUR)
    table.spin(60_000 * EUR, 0)
    table.do(RequestRedemption(2_000))
    first = len(table.transitions)
    table.pass_days(400)
    assert done(table, first) == [
        ("lapse_redemption", 72),
        ("cashback", 4 * 24),
        ("expire", (4 + 7) * 24),
        ("sweep_level", 30 * 24),
        ("expire_points", 365 * 24),
    ]
    assert next_due(table.state, catalog=table.catalog) is None


def test_at_the_same_midnight_cashback_then_redemptions_then_levels_then_points() -> None:
    """Everything at 00:00 on Monday 1 February 2027: a year and thirty days without a bet but for the last week."""
    loyalty = rules()
    one_month = replace(loyalty.points, expire_after_months=1)
    quick = replace(loyalty.downgrade, window_days=1, grace_days=1)  # type: ignore[type-var]
    catalog = vip_house(loyalty=replace(loyalty, points=one_month, downgrade=quick))
    table = Table(catalog, 100_000 * EUR)
    table.pass_until(at("2026-02-22T00:00"))
    table.spin(60_000 * EUR, 0)
    table.do(RequestRedemption(2_000))
    moved = table.state.loyalty.redemptions
    assert next_due_ms(table.state, catalog) == at("2026-02-23")
    assert [redemption.expires_ms for redemption in moved.values()] == [at("2026-02-25")]
    first = len(table.transitions)
    table.pass_until(at("2026-03-31"))
    kinds = [kind for kind, _ in done(table, first)]
    assert kinds == ["cashback", "sweep_level", "lapse_redemption", "expire", "expire_points"]


def test_late_work_is_done_at_the_players_last_event_never_earlier() -> None:
    """A redemption that lapsed while the shard was away: its work is done no earlier than what came since."""
    table = Table(vip_house(), 10_000 * EUR)
    table.spin(2_000 * EUR, 0)
    table.do(RequestRedemption(1_000))
    for state in (table.state, table.shadow.state):
        state.time_ms = START_MS + 5 * DAY_MS
    due = next_due(table.state, catalog=table.catalog)
    assert isinstance(due, Command)
    assert due.time_ms == START_MS + 5 * DAY_MS


def test_sandbox_time_leaves_real_time_to_the_command() -> None:
    table = Table(vip_house(), 10_000 * EUR)
    table.spin(1_000 * EUR, 0)
    due = next_due(table.state, 123, table.catalog)
    assert due is not None
    assert (due.real_ms, due.time_ms) == (123, at("2026-01-05"))


def test_an_open_round_holds_up_no_loyalty() -> None:
    table = Table(vip_house(), 100_000 * EUR)
    session = table.spin(60_000 * EUR).session_id
    table.pass_days(31)
    assert table.state.loyalty.level == "silver"
    table.do(Result(session, 0))


def test_grants_that_end_at_the_same_moment_end_first() -> None:
    gift = campaign(fixed=100, wager=wager(10, valid_days=4))
    table = Table(vip_house(gift), 10_000 * EUR)
    table.spin(2_000 * EUR, 0)
    table.grant()
    first = len(table.transitions)
    table.pass_days(4)
    assert done(table, first) == [("expire", 96), ("cashback", 96)]
