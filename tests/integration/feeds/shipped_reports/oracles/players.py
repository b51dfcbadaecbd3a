"""Oracles of the reports about players: points, levels, retention, ARPU, limits."""

from collections import Counter, defaultdict

from engine import commands as c
from engine import events as e
from tests.integration.feeds.shipped_reports.oracles.books import (
    Books,
    Rows,
    Window,
    ggr,
    released,
)
from tests.support.golden_house import Step


def loyalty(books: Books, window: Window) -> Rows:
    rows: Rows = defaultdict(Counter)
    for step, event in books.events(window):
        row = rows[(window.day(step.time_ms),)]
        match event:
            case e.BetPlaced() | e.BetReported():
                row["earned"] += event.points_micro
            case e.RoundReversed() | e.ReportedBetReversed():
                row["reversed"] += event.points_micro
            case e.PointsAdjusted():
                row["adjusted"] += event.points_micro
            case e.RedemptionRequested():
                row["locked"] += event.points * 1_000_000
                row["requests"] += 1
            case e.RedemptionEnded():
                row["locked"] -= event.points * 1_000_000
            case e.RedemptionConfirmed():
                row["spent"] += event.points * 1_000_000
                row["confirmations"] += 1
            case e.PointsExpired():
                row["expired"] += event.points_micro
    return {key: dict(row) for key, row in rows.items() if any(row.values())}


def points_gained(books: Books, window: Window) -> dict[str, int]:
    """By day: by how much the available points of all players have grown, from their purses."""
    found: dict[str, int] = Counter()
    for step in books.steps(window):
        found[window.day(step.time_ms)] += step.after.points - step.before.points
    return {day: more for day, more in found.items() if more}


def levels(books: Books, window: Window) -> Rows:
    held: dict[str, set[str]] = defaultdict(set)
    now: dict[str, str] = {}
    rows: Rows = defaultdict(Counter)
    for step in books.before(window):
        for event in step.transition.events:
            if isinstance(event, e.LevelChanged):
                held[event.new].add(step.player_id)
        held[step.after.level].add(step.player_id)
        now[step.player_id] = step.after.level
    moves: dict[tuple[str, str], set[str]] = defaultdict(set)
    for step, event in books.events(window):
        if isinstance(event, e.LevelChanged):
            if event.reason == "play":
                moves["climbed", event.new].add(step.player_id)
            if event.reason in ("downgrade", "reversal"):
                moves["fell", event.old].add(step.player_id)
            rows[(event.new,)]["forced"] += event.forced
    for level_id, players in held.items():
        rows[(level_id,)] |= Counter(
            reached=len(players),
            holding=sum(1 for level in now.values() if level == level_id),
            climbed=len(moves["climbed", level_id]),
            fell=len(moves["fell", level_id]),
        )
    return {key: dict(row) for key, row in rows.items()}


def active_players(books: Books, window: Window) -> set[str]:
    return {step.player_id for step, event in books.events(window) if isinstance(event, e.BetPlaced | e.BetReported)}


def _revenue(books: Books, window: Window) -> tuple[dict[str, int], dict[str, int]]:
    play: dict[str, int] = Counter()
    cost: dict[str, int] = Counter()
    for step in books.steps(window):
        play[step.player_id] += sum(ggr(step))
        cost[step.player_id] += sum(map(released, step.transition.events))
    return play, cost


def _arpu(rows: Rows) -> Rows:
    for row in rows.values():
        row["ngr"] = row["ggr"] - row["bonus_cost"]
        for name, of in (("arpu", "ggr"), ("arpu_net", "ngr")):
            exact = row[of] / row["active"] if row["active"] else None
            row[name] = exact
    return {key: dict(row) for key, row in rows.items()}


def arpu_by_level(books: Books, window: Window) -> Rows:
    play, cost = _revenue(books, window)
    active = active_players(books, window)
    now: dict[str, Step] = {step.player_id: step for step in books.before(window)}
    rows: Rows = defaultdict(lambda: Counter(active=0, ggr=0, bonus_cost=0))
    for player_id, step in now.items():
        if player_id in active or play[player_id] or cost[player_id]:
            row = rows[step.after.level, step.currency]
            row["active"] += player_id in active
            row["ggr"] += play[player_id]
            row["bonus_cost"] += cost[player_id]
    return _arpu(rows)


def arpu_by_bonus(books: Books, window: Window) -> Rows:
    play, cost = _revenue(books, window)
    got: dict[str, set[str]] = defaultdict(set)
    for step, event in books.events(window):
        match event:
            case e.GrantCreated() if event.grant.state == "granted" and event.grant.package_id is None:
                got[step.player_id].add(event.grant.campaign_id)
            case e.BonusGranted():
                got[step.player_id].add(event.campaign_id)
            case e.FreeSpinsGranted():
                got[step.player_id].add(event.package.campaign_id)
    currency = {step.player_id: step.currency for step in books.before(window)}
    rows: Rows = defaultdict(lambda: Counter(active=0, ggr=0, bonus_cost=0))
    for player_id in active_players(books, window):
        for cohort in got[player_id] or {"without a bonus"}:
            row = rows[cohort, currency[player_id]]
            row["active"] += 1
            row["ggr"] += play[player_id]
            row["bonus_cost"] += cost[player_id]
    return _arpu(rows)


def retention(books: Books, window: Window) -> Rows:
    joined = {
        s.player_id: window.month(s.time_ms)
        for s, event in books.events(window)
        if isinstance(event, e.PlayerRegistered)
    }
    level = {step.player_id: step.after.level for step in books.before(window)}
    played: dict[str, set[str]] = defaultdict(set)
    for step, event in books.events(window):
        if isinstance(event, e.BetPlaced | e.BetReported):
            played[window.month(step.time_ms)].add(step.player_id)
    end = _number(window.month(window.to_ms - 1))
    rows: Rows = defaultdict(lambda: Counter(players=0, active=0))
    for player_id, cohort in joined.items():
        for later in range(end - _number(cohort) + 1):
            there = player_id in played[_named(_number(cohort) + later)]
            for key in {(cohort, level[player_id]), ("all", level[player_id]), (cohort, "all"), ("all", "all")}:
                rows[*key, later]["players"] += 1
                rows[*key, later]["active"] += there
    return {key: dict(row) for key, row in rows.items()}


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _named(number: int) -> str:
    return f"{number // 12}-{number % 12 + 1:02}"


def limits(books: Books, window: Window) -> Rows:
    rows: Rows = defaultdict(Counter)
    for step, event in books.events(window):
        match event:
            case e.GrantCreated() if event.grant.state == "declined" or event.grant.reasons:
                verdict = "deny" if event.grant.state == "declined" else event.grant.verdict
                for reason in event.grant.reasons or ("none",):
                    rows["award", verdict, reason, event.grant.campaign_id, step.currency]["cases"] += 1
            case e.GrantCancelled(never_granted=False):
                rows["bonus", "cancelled", event.reason, event.campaign_id, step.currency]["cases"] += 1
            case e.FlaggedForOperator():
                row = rows["flag", event.code, "none", None, step.currency]
                row["cases"] += 1
                row["amount"] += event.amount
            case e.FlagCleared():
                rows["flag", event.code, "none", None, step.currency]["cleared"] += 1
    return {key: dict(row) for key, row in rows.items()}


def reportings(books: Books) -> set[type]:
    """Which commands the house has played: a golden set without one of them would prove nothing about it."""
    return {type(step.body) for step in books.house.steps} & {
        c.Rollback, c.CancelRound, c.ReportBet, c.RollbackReportedBet, c.ConfirmRedemption, c.CancelRedemption,
        c.Expire, c.ClaimGrant, c.ConfirmWithdrawal, c.CancelWithdrawal, c.PayCashback, c.FlagForOperator,
    }  # fmt: skip
