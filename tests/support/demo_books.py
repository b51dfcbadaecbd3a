"""What reports must say of an archive that `croupier demo --keep DIR` has left: by the demo's own books alone.

Those books (`croupier/demo/ledger.py`) add up stakes, wins and grants as a game server sees them. They share no code
with the rules and never copy an answer, so a figure that the engine, the archive or a report gets wrong differs here.
They know nothing of points, levels and time: reports of these are compared with the golden house's books instead.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from croupier.demo.ledger import FREE_SPIN_STAKE, FREE_SPINS, Account, GamePlay
from croupier.reporting.making import Sources, made
from feeds.reports.answer import About
from feeds.reports.period import Period
from feeds.reports.shelf import read_shelf, shipped_reports

CAMPAIGN: Final = "welcome-100"
Row = Mapping[str, Any]
Ask = Callable[..., Sequence[Row]]
"""Rows of a report by its name; `player_id` is a parameter of some."""
Accounts = Mapping[str, Account]


def asking(sources: Sources, until: datetime, expect: Callable[[About], None]) -> Ask:
    """Makes reports about all time before `until`; `expect` looks at what each says of itself."""
    period = Period(datetime(2026, 1, 1, tzinfo=UTC), until, "UTC")
    shelf = read_shelf([shipped_reports()]).reports

    def ask(name: str, **parameters: str) -> Sequence[Row]:
        with made(shelf[name], period, parameters, sources) as found:
            assert not found.about.differences
            assert found.about.checkpoint.startswith("demo.croupier/log")
            expect(found.about)
            names = [column.name for column in found.about.columns]
            return [dict(zip(names, row, strict=True)) for row in found.rows]

    return ask


def moved(accounts: Accounts, name: str) -> int:
    """The sum of one of the movements over all players."""
    return sum(getattr(account.moved, name) for account in accounts.values())


def held(accounts: Accounts, name: str) -> int:
    """The sum of what all players hold."""
    return sum(getattr(account, name) for account in accounts.values())


def says(row: Row, **figures: object) -> None:
    """The row has these figures."""
    assert {name: row[name] for name in figures} == figures


def total(rows: Sequence[Row], name: str) -> int:
    """The sum of a column: a demo may play across midnight."""
    return sum(row[name] for row in rows)


def the_books_close(accounts: Accounts) -> None:
    """Opening + movements = closing, of each player and of both wallets."""
    for player_id, account in accounts.items():
        books = account.moved
        assert account.real == books.deposits - books.staked + books.won + books.released, player_id
        assert account.bonus == (
            books.granted - books.bonus_staked + books.bonus_won - books.released - books.removed
        ), player_id


def daily_closing(ask: Ask, accounts: Accounts) -> None:
    rows = ask("daily-closing")
    says(rows[0], currency="EUR", opening=0, bonus_opening=0)
    says(rows[-1], closing=held(accounts, "real"), bonus_closing=held(accounts, "bonus"))
    figures = {
        "deposits": moved(accounts, "deposits"),
        "withdrawals": 0,
        "play": moved(accounts, "won") - moved(accounts, "staked"),
        "released": moved(accounts, "released"),
        "bonus_granted": moved(accounts, "granted"),
        "bonus_play": moved(accounts, "bonus_won") - moved(accounts, "bonus_staked"),
        "bonus_released": -moved(accounts, "released"),
        "bonus_removed": -moved(accounts, "removed"),
        "difference": 0,
        "bonus_difference": 0,
    }
    assert {name: total(rows, name) for name in figures} == figures


def bonus_cost(ask: Ask, accounts: Accounts) -> None:
    rows = ask("bonus-cost")
    figures = _ggr(accounts) | {"cashback": 0, "ngr": _ggr(accounts)["ggr"] - moved(accounts, "released")}
    assert {name: total(rows, name) for name in figures} == figures
    assert total(rows, "bonus_cost") == moved(accounts, "released")


def _ggr(accounts: Accounts) -> dict[str, int]:
    real = moved(accounts, "staked") - moved(accounts, "won")
    bonus = moved(accounts, "bonus_staked") - moved(accounts, "bonus_won")
    return {"ggr_real": real, "ggr_bonus": bonus, "ggr": real + bonus}


def games(ask: Ask, accounts: Accounts) -> None:
    played: dict[str, list[GamePlay]] = {}
    for account in accounts.values():
        for game_id, play in account.moved.games.items():
            played.setdefault(game_id, []).append(play)
    rows = {row["game_id"]: row for row in ask("games")}
    assert rows.keys() == played.keys()
    for game_id, plays in played.items():
        stakes, wins = sum(play.stakes for play in plays), sum(play.wins for play in plays)
        rounds = sum(play.rounds for play in plays)
        says(rows[game_id], rounds=rounds, players=len(plays), stakes=stakes, wins=wins, ggr=stakes - wins)
        assert abs(rows[game_id]["rtp"] - wins / stakes) < 1e-6


def campaign_performance(ask: Ask, accounts: Accounts) -> None:
    [row] = ask("campaign-performance")
    says(
        row,
        campaign_id=CAMPAIGN,
        issued=len(accounts),
        opted_in=0,
        activated=len(accounts),
        completed=moved(accounts, "completed"),
        expired=0,
        awarded=moved(accounts, "granted"),
        wagered=moved(accounts, "counted"),
        cost=moved(accounts, "released"),
        budget_used=moved(accounts, "granted") * 10_000,
    )


def free_spins(ask: Ask, accounts: Accounts) -> None:
    [row] = ask("free-spins")
    says(
        row,
        campaign_id=CAMPAIGN,
        packages=len(accounts),
        granted=FREE_SPINS * len(accounts),
        used=moved(accounts, "spins_used"),
        expired=0,
        cancelled=0,
        face_value=FREE_SPIN_STAKE * moved(accounts, "spins_used"),
        won=held(accounts, "spins_won"),
        released=moved(accounts, "spins_released"),
    )


def wagering(ask: Ask, accounts: Accounts) -> None:
    [row] = ask("wagering")
    says(row, due=moved(accounts, "to_wager"), wagered=moved(accounts, "counted"), expired=0, cancelled=0)


def liability(ask: Ask, accounts: Accounts) -> None:
    [row] = ask("liability")
    bonus, released, removed = held(accounts, "bonus"), moved(accounts, "released"), moved(accounts, "removed")
    expected = -(-bonus * released // (released + removed)) if released + removed else bonus
    spins = held(accounts, "spins")
    says(row, players=len(accounts), real=held(accounts, "real"), reserved=0, bonus=bonus, expected_release=expected)
    says(row, free_spins=spins, free_spins_value=FREE_SPIN_STAKE * spins, points_value=None)
    says(row, total=held(accounts, "real") + expected + FREE_SPIN_STAKE * spins)


def arpu_by_bonus(ask: Ask, accounts: Accounts) -> None:
    [row] = ask("arpu-by-bonus")
    ggr, cost = _ggr(accounts)["ggr"], moved(accounts, "released")
    says(row, cohort=CAMPAIGN, active=len(accounts), ggr=ggr, bonus_cost=cost, ngr=ggr - cost)
    assert abs(row["arpu"] - ggr / len(accounts)) <= 0.5


def player_statement(ask: Ask, accounts: Accounts) -> None:
    for player_id, account in accounts.items():
        rows = ask("player-statement", player_id=player_id)
        says(rows[-1], real_balance=account.real, bonus_balance=account.bonus)
        assert (total(rows, "real"), total(rows, "bonus")) == (account.real, account.bonus)


CHECKS: Final[Mapping[str, Callable[[Ask, Accounts], None]]] = {
    "daily-closing": daily_closing,
    "bonus-cost": bonus_cost,
    "games": games,
    "campaign-performance": campaign_performance,
    "free-spins": free_spins,
    "wagering": wagering,
    "liability": liability,
    "arpu-by-bonus": arpu_by_bonus,
    "player-statement": player_statement,
}
"""By the report's name: asks for it and compares it with the books."""
