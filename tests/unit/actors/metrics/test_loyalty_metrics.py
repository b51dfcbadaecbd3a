"""The figures of points and levels, step by step: what a scrape of the shard shows."""

from pathlib import Path

from msgspec.structs import replace

from engine.catalog import (
    REDEMPTION,
    BonusAward,
    Catalog,
    FraudRule,
    FraudRules,
    Level,
    LoyaltyRules,
    PointRules,
    Privileges,
    RedemptionRules,
)
from engine.commands import (
    AdjustPoints,
    CancelRedemption,
    ConfirmRedemption,
    DeclineGrant,
    ForceLevel,
    ReportBet,
    RequestRedemption,
    Result,
    Rollback,
    RollbackReportedBet,
    StartSession,
)
from tests.support.playing import campaign, catalog_with, wager
from tests.support.shard_harness import FAR_MS, Desk, desk, spin

MILLION = 1_000_000
NAMES = ("points_accrued_total", "points_reversed_total", "points_redeemed_total", "points_returned_total")
LEVELS = (
    Level("bronze", 0, Privileges()),
    Level("silver", 10 * MILLION, Privileges()),
    Level("gold", 20 * MILLION, Privileges()),
)


def rules() -> Catalog:
    """A point per EUR on slots, 1.5 on live games; silver from 10 EUR, gold from 20 EUR; 100 points are 1 EUR."""
    paid = campaign(
        REDEMPTION, trigger="redemption", bonus=BonusAward(), wager=wager(1), valid_from_ms=0, valid_to_ms=FAR_MS
    )
    loyalty = LoyaltyRules(
        LEVELS,
        {level.level_id: rung for rung, level in enumerate(LEVELS)},
        PointRules({"slot": MILLION, "table": MILLION // 2, "live": 3 * MILLION // 2, "exclusive": 2 * MILLION}),
        redemption=RedemptionRules(100, 100, 100, 3_600_000, paid),
    )
    return replace(catalog_with(), loyalty=loyalty)


def samples(table: Desk) -> dict[tuple[str, str], float]:
    """Every value of a scrape, by name and the reason it is labelled with."""
    families = table.shard.context.metrics.collect()
    return {
        (sample.name, sample.labels.get("reason", "")): sample.value for family in families for sample in family.samples
    }


def figures(table: Desk) -> tuple[float, ...]:
    """As a scrape shows them, in the order of NAMES."""
    found = samples(table)
    return tuple(found[name, ""] for name in NAMES)


def climbs(table: Desk) -> dict[str, float]:
    """`level_up_events` by reason."""
    return {reason: value for (name, reason), value in samples(table).items() if name == "level_up_events"}


async def test_points_from_bet_to_redemption(tmp_path: Path) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice", 10_000)
        assert figures(table) == (0, 0, 0, 0)

        await table.ask("alice", "b1", spin(bet=333, win=0))
        assert figures(table) == (3.33, 0, 0, 0), "a plain spin: 3.33 EUR on a slot"
        await table.ask("alice", "b1", spin(bet=333, win=0))
        assert figures(table) == (3.33, 0, 0, 0), "a repeat earns nothing"
        opened = (await table.ask("alice", "b2", spin(bet=100, win=None))).answer
        assert figures(table) == (4.33, 0, 0, 0), "an open round has been paid for"
        await table.ask("alice", "r2", Result(opened.session_id, 50))
        await table.ask("alice", "v1", ReportBet(200, "live"))
        assert figures(table) == (7.33, 0, 0, 0), "2.00 EUR on a live game, at another vertical"

        await table.ask("alice", "undo", Rollback("gs:b1"))
        await table.ask("alice", "undo-v1", RollbackReportedBet("gs:v1"))
        assert figures(table) == (7.33, 6.33, 0, 0), "what is taken back is counted apart: counters never fall"

        await table.ask("alice", "adj", AdjustPoints(500, "sorry"))
        assert figures(table) == (7.33, 6.33, 0, 0), "points by hand are not earned"
        locked = (await table.ask("alice", "q1", RequestRedemption(200))).answer
        await table.ask("alice", "x1", CancelRedemption(locked.redemption_id))
        locked = (await table.ask("alice", "q2", RequestRedemption(300))).answer
        assert figures(table) == (7.33, 6.33, 0, 0), "neither a cancelled nor an open redemption spends points"
        await table.ask("alice", "c2", ConfirmRedemption(locked.redemption_id))
        await table.ask("alice", "c2", ConfirmRedemption(locked.redemption_id))
        assert figures(table) == (7.33, 6.33, 300, 0)


async def test_points_that_come_back_are_counted_apart(tmp_path: Path) -> None:
    """The free play waits for an operator, because somebody else was seen on the device; the operator declines."""
    watchful = replace(rules(), fraud=FraudRules(rules={"shared_device": FraudRule("review")}))
    async with desk(tmp_path, watchful) as table:
        for player_id in ("bob", "alice"):
            await table.seat(player_id)
            await table.ask(player_id, f"{player_id}-s", StartSession(device="d1"))
        await table.ask("alice", "adj", AdjustPoints(500, "sorry"))
        locked = (await table.ask("alice", "q1", RequestRedemption(300))).answer
        (waiting,) = (await table.ask("alice", "c1", ConfirmRedemption(locked.redemption_id))).answer.granted
        assert (waiting.state, figures(table)) == ("initiated", (0, 0, 300, 0))
        await table.ask("alice", "d1", DeclineGrant(waiting.grant_id, "a test"))
        assert figures(table) == (0, 0, 300, 300)


async def test_climbs_are_counted_and_falls_are_not(tmp_path: Path) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice", 10_000)
        assert climbs(table) == {"play": 0, "forced": 0}, "taking the lowest place is no climb"
        await table.ask("alice", "b1", spin(bet=999, win=0))
        assert climbs(table) == {"play": 0, "forced": 0}
        await table.ask("alice", "b2", spin(bet=1_001, win=0))
        assert climbs(table) == {"play": 2, "forced": 0}, "from bronze to gold by a bet that brings 20.00 EUR"
        assert figures(table)[0] == 20, "a bet that climbs earns as any other"
        await table.ask("alice", "f1", ForceLevel("silver", "a test"))
        await table.ask("alice", "f2", ForceLevel("silver", "a test"))
        assert climbs(table) == {"play": 2, "forced": 0}, "down, and not at all"
        await table.ask("alice", "f3", ForceLevel("gold", "a test"))
        assert climbs(table) == {"play": 2, "forced": 1}


async def test_nothing_is_counted_without_a_ladder(tmp_path: Path) -> None:
    async with desk(tmp_path, catalog_with()) as table:
        await table.seat("alice", 10_000)
        await table.ask("alice", "b1", spin(bet=3_000, win=0))
        assert (figures(table), climbs(table)) == ((0, 0, 0, 0), {"play": 0, "forced": 0})
