"""A table to play the rules at: runs commands on a live player and proves at every step what every step promises.

After each accepted command a shadow, fed only with the journaled bytes, must equal the live player; after each refusal
nothing may have changed. The house: four games, EUR and JPY, and whatever campaigns a test brings.
"""

from typing import Any

import msgspec

from engine.answers import AnyAnswer
from engine.catalog import (
    BonusAward,
    Campaign,
    Catalog,
    Currency,
    Eligibility,
    FreeSpinAward,
    Game,
    WagerTerms,
)
from engine.commands import Command, CommandBody, Deposit, GrantCampaign, Register, Spin
from engine.due import next_due
from engine.player import Replayed, execute, query, replay
from engine.queries import QueryBody
from engine.rejections import Rejection
from engine.state import Player, PlayerState
from engine.transition import Transition

MILLION = 1_000_000
DAY_MS = 86_400_000
START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
END_MS = START_MS + 365 * DAY_MS

_encode = msgspec.msgpack.encode


def game(game_id: str, kind: str, contribution: int = 100) -> Game:
    return Game(game_id, kind, "demo", {"EUR": 10, "JPY": 15}, {"EUR": 10_000, "JPY": 15_000}, contribution)


GAMES = {
    g.game_id: g
    for g in (game("book", "slot"), game("dice", "table", 50), game("wheel", "live"), game("vault", "exclusive"))
}


def catalog_with(*campaigns: Campaign, funds_order: Any = "real_first") -> Catalog:
    currencies = {"EUR": Currency(2, MILLION), "JPY": Currency(0, 6_100)}
    return Catalog("test", currencies, funds_order, GAMES, {c.campaign_id: c for c in campaigns})


def wager(multiplier: int, **terms: Any) -> WagerTerms:
    return WagerTerms(multiplier * MILLION, **terms)


def spins(count: int, multiplier: int = 0, **award: Any) -> FreeSpinAward:
    """A package of `count` spins at 10 on `book` for 7 days, unless said otherwise."""
    given = {"bet": {"EUR": 10}, "games": ("book",), "valid_days": 7} | award
    return FreeSpinAward(count=count, wager_multiplier_micro=multiplier * MILLION, **given)


def campaign(campaign_id: str = "gift", fixed: int | None = None, **fields: Any) -> Campaign:
    """A manual campaign giving `fixed` EUR cents of bonus money, any number of times, unless said otherwise."""
    given: dict[str, Any] = {
        "campaign_id": campaign_id,
        "type": "no_deposit",
        "trigger": "manual",
        "valid_from_ms": START_MS,
        "valid_to_ms": END_MS,
        "eligibility": Eligibility(),
        "bonus": BonusAward(fixed={"EUR": fixed}) if fixed is not None else None,
        "free_spins": None,
        "wager": None,
        "per_player": 100,
    }
    return Campaign(**(given | fields))


def match(percent: int, cap: int | None = None, campaign_id: str = "welcome", **fields: Any) -> Campaign:
    """A first deposit campaign matching `percent`, at most `cap` EUR cents."""
    bonus = BonusAward(match_percent_micro=percent * MILLION, max={} if cap is None else {"EUR": cap})
    given = {"type": "deposit_match", "trigger": "first_deposit", "bonus": bonus, "per_player": 1}
    return campaign(campaign_id, **(given | fields))


class Table:
    """One player at the house. `real` is deposited at once, by a deposit that triggers what it triggers."""

    def __init__(self, catalog: Catalog | None = None, real: int = 0, currency: str = "EUR") -> None:
        self.catalog = catalog or catalog_with()
        self.player, self.shadow = Player.new("p1"), Player.new("p1")
        self.now = START_MS
        self.transitions: list[Transition] = []
        self._keys = 0
        self.do(Register(currency, "FI"))
        if real:
            self.do(Deposit(real))

    @property
    def state(self) -> PlayerState:
        return self.player.state

    @property
    def events(self) -> list[str]:
        """Names of the last transition's events."""
        return [type(event).__name__ for event in self.transitions[-1].events]

    def run(self, body: CommandBody, key: str | None = None, time_ms: int | None = None) -> Any:
        self._keys += 1
        command = Command(key or f"gs:{self._keys}", self.now if time_ms is None else time_ms, body)
        return self.run_command(command)

    def run_command(self, command: Command) -> Any:
        before = picture_of(self.player)
        outcome = self.decide(command)
        if not isinstance(outcome, Transition):
            assert picture_of(self.player) == before, "a refusal or a replay changed the player"
            return outcome
        self.transitions.append(outcome)
        replay(self.shadow, msgspec.msgpack.decode(_encode(outcome), type=Transition))
        assert picture_of(self.shadow) == picture_of(self.player), "replayed state differs from live state"
        return outcome

    def decide(self, command: Command) -> Any:
        """What becomes of a command that nothing is looked up for."""
        return execute(self.player, self.catalog, command)

    def do(self, body: CommandBody, key: str | None = None) -> Any:
        """The answer to a command that must be accepted."""
        outcome = self.run(body, key)
        assert isinstance(outcome, Transition), outcome
        return msgspec.msgpack.decode(outcome.answer, type=AnyAnswer)

    def again(self, body: CommandBody, key: str) -> Any:
        """The answer to a command that must be recognised as a repeat."""
        outcome = self.run(body, key)
        assert isinstance(outcome, Replayed), outcome
        return msgspec.msgpack.decode(outcome.answer, type=AnyAnswer)

    def refused(self, body: CommandBody, key: str | None = None) -> Rejection:
        outcome = self.run(body, key)
        assert isinstance(outcome, Rejection), outcome
        return outcome

    def ask(self, body: QueryBody) -> Any:
        return query(self.player, self.catalog, body, self.now)

    def spin(self, bet: int, win: int | None = None, game_id: str = "book", key: str | None = None) -> Any:
        return self.do(Spin(game_id, "real", bet, win), key)

    def free_spin(self, win: int | None = None, game_id: str = "book", key: str | None = None) -> Any:
        return self.do(Spin(game_id, "freespin", None, win), key)

    def grant(self, campaign_id: str = "gift") -> Any:
        return self.do(GrantCampaign(campaign_id, "test")).granted

    def pass_days(self, days: int) -> None:
        """Lets time pass and does all work that becomes due, as a shard does."""
        self.pass_until(self.now + days * DAY_MS)

    def pass_until(self, time_ms: int) -> None:
        """As `pass_days`, up to and including a moment (Unix ms)."""
        self.now = time_ms
        while (due := next_due(self.state, catalog=self.catalog)) is not None and due.time_ms <= self.now:
            assert isinstance(self.run_command(due), Transition)

    def money(self) -> tuple[int, int]:
        """Real money and the sum of all grants."""
        return self.state.real, sum(grant.balance for grant in self.state.grants)


def picture_of(player: Player) -> tuple[PlayerState, Any]:
    """A copy of the state that went through its stored form, and the window's parts."""
    return msgspec.msgpack.decode(_encode(player.state), type=PlayerState), player.window.parts()
