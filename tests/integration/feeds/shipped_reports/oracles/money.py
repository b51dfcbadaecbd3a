"""Oracles of the reports about money, bonuses, free spins and games."""

from collections import Counter, defaultdict
from math import sqrt
from typing import Any

from engine import events as e
from tests.integration.feeds.shipped_reports.oracles.books import (
    Books,
    Rows,
    Window,
    by_grant,
    ggr,
    granted,
    released,
    removed,
    transferred,
)
from tests.support.golden_house import Step


def bonus_cost(books: Books, window: Window) -> Rows:
    rows: Rows = defaultdict(lambda: {"ggr_real": 0, "ggr_bonus": 0, "bonus_cost": 0, "cashback": 0})
    for step in books.steps(window):
        row = rows[window.day(step.time_ms), step.currency]
        real, bonus = ggr(step)
        row["ggr_real"] += real
        row["ggr_bonus"] += bonus
        for event in step.transition.events:
            for grant_id, amount in by_grant(event):
                kind = books.grant[step.player_id, grant_id].campaign_id
                row["cashback" if kind == "cashback" else "bonus_cost"] += amount
    for row in rows.values():
        row["ggr"] = row["ggr_real"] + row["ggr_bonus"]
        row["ngr"] = row["ggr"] - row["bonus_cost"] - row["cashback"]
        row["ngr_real"] = row["ggr_real"] - row["bonus_cost"] - row["cashback"]
    return {key: row for key, row in rows.items() if any(row.values())}


def daily_closing(books: Books, window: Window) -> Rows:
    """Opening and closing are the purses of all players, as the engine left them."""
    purses: dict[str, Any] = {}
    rows: Rows = {}
    totals: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for step in books.before(window):
        key = window.day(step.time_ms), step.currency
        opening, bonus_opening = totals[step.currency]
        row = rows.setdefault(key, Counter(opening=opening, bonus_opening=bonus_opening))
        real, bonus = ggr(step)
        for event in step.transition.events:
            moved = transferred(event)
            row["deposits"] += max(0, moved)
            row["withdrawals"] += min(0, moved)
            row["released"] += released(event)
            row["bonus_granted"] += granted(event)
            row["bonus_removed"] -= removed(event)
        row["play"] -= real
        row["bonus_play"] -= bonus
        purses[step.player_id] = step
        ours = [other.after for other in purses.values() if other.currency == step.currency]
        totals[step.currency] = (sum(purse.real for purse in ours), sum(purse.bonus for purse in ours))
        row["closing"], row["bonus_closing"] = totals[step.currency]
    moving = ("deposits", "withdrawals", "released", "bonus_granted", "bonus_removed", "play", "bonus_play")
    first = window.day(window.from_ms)
    return {k: dict(row) for k, row in rows.items() if k[0] >= first and any(row[name] for name in moving)}


def campaigns(books: Books, window: Window) -> Rows:  # noqa: C901 - one case per event
    rows: Rows = defaultdict(Counter)
    for step, event in books.events(window):
        where = step.player_id, step.currency
        match event:
            case e.GrantClaimed():
                rows[event.campaign_id, where[1]]["opted_in"] += 1
            case e.GrantActivated():
                grant = books.grant[where[0], event.grant_id]
                rows[grant.campaign_id, where[1]]["activated"] += not grant.beside_bonus
            case e.GrantExpired(never_granted=False):
                if books.grant[where[0], event.grant_id].package_id is None:
                    rows[event.campaign_id, where[1]]["expired"] += 1
            case e.GrantCreated():
                rows[event.grant.campaign_id, where[1]]["awarded"] += event.grant.balance
                if event.award and event.grant.state != "declined":
                    rows[event.grant.campaign_id, where[1]]["budget_used"] += event.grant.bonus_micro_eur
            case e.BonusGranted():
                rows[event.campaign_id, where[1]]["awarded"] += event.amount
        if getattr(event, "never_granted", False) or isinstance(event, e.GrantDeclined):
            grant = books.grant[where[0], event.grant_id]
            rows[event.campaign_id, where[1]]["budget_used"] -= grant.bonus_micro_eur
        for grant_id, amount in by_grant(event):
            rows[books.grant[where[0], grant_id].campaign_id, where[1]]["cost"] += amount
        if isinstance(event, e.WinCredited | e.RoundReversed) and (where[0], event.session_id) in books.spun:
            package = books.package[where[0], books.spun[where[0], event.session_id]]
            rows[package.campaign_id, where[1]]["cost"] += event.real - released(event)
    for step in books.steps(window):
        for name, more in step.counted.items():
            figure, _, campaign_id = name.partition(":")
            if figure in ("issued", "redeemed") and more:
                rows[campaign_id, step.currency]["issued" if figure == "issued" else "completed"] += more
    _wagered(books, window, rows)
    return {key: dict(row) for key, row in rows.items()}


def _wagered(books: Books, window: Window, rows: Rows) -> None:
    """By how much the bonuses of players have come nearer to their end, from one step to the next."""
    known: dict[tuple[str, str], int] = {}
    for step in books.before(window):
        for grant_id, standing in step.bonuses.items():
            more = standing.wagered - known.get((step.player_id, grant_id), 0)
            known[step.player_id, grant_id] = standing.wagered
            if more and step.time_ms >= window.from_ms:
                rows[standing.campaign_id, step.currency]["wagered"] += more


def liability(books: Books, window: Window) -> Rows:
    """Of the players as they are at the end of the house's life."""
    rows: Rows = defaultdict(Counter)
    for player in books.house.players.values():
        state = player.state
        row = rows[(state.currency,)]
        row["players"] += 1
        row["real"] += state.real
        row["reserved"] += state.reserved
        row["bonus"] += sum(grant.balance for grant in state.grants)
        row["points"] += state.loyalty.available + state.loyalty.locked
        usable = [package for package in state.packages if package.valid_to_ms > window.to_ms]
        row["free_spins"] += sum(package.remaining for package in usable)
        row["free_spins_value"] += sum(package.remaining * package.bet for package in usable)
    gone: dict[str, Any] = defaultdict(Counter)
    rate: dict[str, tuple[int, int]] = {}
    for step in books.before(window):
        for event in step.transition.events:
            gone[step.currency]["released"] += released(event)
            gone[step.currency]["removed"] += removed(event)
            if isinstance(event, e.RedemptionRequested):
                rate[step.currency] = event.amount, event.points * 1_000_000
    for (currency,), row in rows.items():
        ended = gone[currency]["released"] + gone[currency]["removed"]
        row["expected_release"] = -(-row["bonus"] * gone[currency]["released"] // ended) if ended else row["bonus"]
        amount, points = rate.get(currency, (0, 1))
        row["points_value"] = -(-row["points"] * amount // points) if currency in rate else None
        row["total"] = row["real"] + row["expected_release"] + (row["points_value"] or 0) + row["free_spins_value"]
    return {key: dict(row) for key, row in rows.items()}


def free_spins(books: Books, window: Window) -> Rows:  # noqa: C901 - one case per event
    rows: Rows = defaultdict(Counter)

    def row_of(step: Step, package_id: str) -> Any:
        return rows[books.package[step.player_id, package_id].campaign_id, step.currency]

    for step, event in books.events(window):
        match event:
            case e.FreeSpinsGranted():
                row = row_of(step, event.package.package_id)
                row["packages"] += 1
                row["granted"] += event.package.count
            case e.FreeSpinsExpired():
                row_of(step, event.package_id)["expired"] += event.unused
            case e.FreeSpinsCancelled():
                row_of(step, event.package_id)["cancelled"] += event.unused
            case e.BetPlaced(mode="freespin"):
                row_of(step, str(event.package_id))["used"] += 1
                row_of(step, str(event.package_id))["face_value"] += event.amount
            case e.RoundReversed() if event.spins:
                row_of(step, str(event.package_id))["used"] -= event.spins
                bet = books.package[step.player_id, str(event.package_id)].bet
                row_of(step, str(event.package_id))["face_value"] -= event.spins * bet
        session = step.player_id, getattr(event, "session_id", "")
        if isinstance(event, e.WinCredited) and session in books.spun:
            row_of(step, books.spun[session])["won"] += event.real + event.bonus
            row_of(step, books.spun[session])["released"] += event.real
        if isinstance(event, e.RoundReversed) and session in books.spun:
            row = row_of(step, books.spun[session])
            row["won"] += event.real + sum(delta.balance + delta.removed for delta in event.grants)
            row["released"] += event.real - released(event)
        for grant_id, amount in by_grant(event):
            package_id = books.grant[step.player_id, grant_id].package_id
            if package_id is not None:
                row_of(step, package_id)["released"] += amount
    return {key: dict(row) for key, row in rows.items() if any(row.values())}


def wagering(books: Books, window: Window) -> Rows:
    created: dict[tuple[str, str], Step] = {}
    last: dict[tuple[str, str], Any] = {}
    for step in books.before(window):
        for event in step.transition.events:
            fresh = isinstance(event, e.GrantCreated) and event.grant.state != "declined"
            if fresh and step.time_ms >= window.from_ms:
                created[step.player_id, event.grant.grant_id] = step
        for grant_id, standing in step.bonuses.items():
            last[step.player_id, grant_id] = standing
    rows: Rows = defaultdict(Counter)
    names = {"initiated": "open", "granted": "open", "in_wager": "open", "declined": "cancelled"}
    for key, step in created.items():
        standing = last[key]
        row = rows[standing.campaign_id, step.currency]
        row["bonuses"] += 1
        row["due"] += standing.due
        row["wagered"] += standing.wagered
        row[names.get(standing.state, standing.state)] += 1
    return {key: dict(row) for key, row in rows.items()}


def games(books: Books, window: Window) -> Rows:
    """By game and currency, with the interval by its textbook formula over the rounds one by one."""
    opened: dict[tuple[str, str], Step] = {}
    rounds: dict[tuple[str, str], Any] = defaultdict(Counter)
    game: dict[tuple[str, str], str] = {}
    gone: set[tuple[str, str]] = set()
    closed: set[tuple[str, str]] = set()
    for step in books.before(window):
        for event in step.transition.events:
            key = step.player_id, getattr(event, "session_id", "") or ""
            if isinstance(event, e.RoundTimedOut) or (isinstance(event, e.WinCredited) and event.closes):
                closed.add(key)
            match event:
                case e.BetPlaced():
                    opened.setdefault(key, step)
                    game[key] = event.game_id
                    rounds[key]["staked"] += event.real + event.bonus
                    gone |= {key} if event.mode == "freespin" else set()
                case e.WinCredited():
                    rounds[key]["won"] += event.real + event.bonus
                case e.RoundReversed(stays_open=False):
                    gone.add(key)
                case e.RoundReversed():
                    rounds[key]["staked"] -= event.real + sum(delta.balance for delta in event.grants)
    found: dict[tuple[str, str], list[tuple[int, int, str]]] = defaultdict(list)
    for key, step in opened.items():
        if key in closed - gone and step.time_ms >= window.from_ms and rounds[key]["staked"] > 0:
            found[game[key], step.currency].append((rounds[key]["staked"], rounds[key]["won"], key[0]))
    return {key: _performance(members) for key, members in found.items()}


def _performance(members: list[tuple[int, int, str]]) -> dict[str, Any]:
    stakes, wins, count = sum(m[0] for m in members), sum(m[1] for m in members), len(members)
    rtp = wins / stakes
    spread = sum((won - rtp * staked) ** 2 for staked, won, _ in members)
    half = 1.959964 * sqrt(spread * count / (count - 1)) / stakes if count > 1 else None
    return {
        "rounds": count,
        "players": len({player_id for _, _, player_id in members}),
        "stakes": stakes,
        "wins": wins,
        "ggr": stakes - wins,
        "rtp": rtp,
        "rtp_low": None if half is None else rtp - half,
        "rtp_high": None if half is None else rtp + half,
    }


def statement(books: Books, window: Window, player_id: str) -> list[tuple[int, int, int]]:
    """Version, and the purse after it, of each step that moved money; as the engine left it."""
    return [
        (step.transition.version, step.after.real, step.after.bonus)
        for step in books.steps(window)
        if step.player_id == player_id and (step.after[:2] != step.before[:2])
    ]
