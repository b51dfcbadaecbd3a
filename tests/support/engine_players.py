"""The rules themselves behind the gateway, in this process: no shard, no socket, no journal, no shared limits."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.outcome import Answered, OnOutcome, Outcome
from engine.answers import AnyAnswer
from engine.catalog import (
    REDEMPTION,
    BonusAward,
    Campaign,
    CampaignType,
    Catalog,
    Currency,
    Eligibility,
    FraudRules,
    FreeSpinAward,
    Game,
    Level,
    Limits,
    LoyaltyRules,
    PeriodLimit,
    PointRules,
    Privileges,
    RedemptionRules,
    RoundTimeout,
    TriggerCondition,
    WagerTerms,
)
from engine.commands import Command, CommandBody
from engine.due import next_due
from engine.facts import Facts
from engine.player import Replayed, execute, query
from engine.queries import Query, QueryBody
from engine.rejections import Rejection
from engine.state import Player
from engine.state.window import Window
from engine.switches import Switches

NOW_MS = 1_767_225_600_000
DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS


def game(game_id: str) -> Game:
    return Game(game_id, "slot", "demo", {"EUR": 10, "SEK": 100}, {"EUR": 10_000, "SEK": 100_000}, 100)


def campaign(
    campaign_id: str,
    type_: CampaignType,
    bonus: BonusAward | None = None,
    free_spins: FreeSpinAward | None = None,
    eligibility: Eligibility | None = None,
) -> Campaign:
    wager = WagerTerms(35_000_000, max_bet={"EUR": 50}, valid_days=30)
    who = eligibility or Eligibility()
    return Campaign(campaign_id, type_, "manual", 0, NOW_MS + YEAR_MS, who, bonus, free_spins, wager, 1)


SPINS = FreeSpinAward(5, {"EUR": 10}, ("book-of-dunes",), 7, 20_000_000)
GIFT = BonusAward(fixed={"EUR": 500})
LEVELS = (
    Level("bronze", 0, Privileges()),
    Level("silver", 100_000_000, Privileges(1_100_000, 1_000_000)),
    Level("gold", 500_000_000, Privileges(1_250_000, 2_000_000, "email", 965_000, "accelerated", ("tournaments",))),
)
LADDER = LoyaltyRules(
    LEVELS,
    {level.level_id: rung for rung, level in enumerate(LEVELS)},
    PointRules({"slot": 1_000_000, "table": 500_000, "live": 1_500_000, "exclusive": 2_000_000}),
    redemption=RedemptionRules(
        100, 1_000, 100, 3 * DAY_MS, replace(campaign(REDEMPTION, "no_deposit", BonusAward()), trigger="redemption")
    ),
)
CATALOG = Catalog(
    version="5f3a",
    currencies={"EUR": Currency(2, 1_000_000), "SEK": Currency(2, 87_100)},
    funds_order="real_first",
    games={name: game(name) for name in ("book-of-dunes", "coral-reef")},
    campaigns={
        "gift": campaign("gift", "no_deposit", GIFT),
        "often": replace(campaign("often", "no_deposit", GIFT), per_player=100),
        "offer": replace(campaign("offer", "no_deposit", GIFT), opt_in=True),
        "fortune": campaign("fortune", "no_deposit", BonusAward(fixed={"EUR": 100_001})),
        "spring": replace(
            campaign("spring", "no_deposit", GIFT),
            trigger="code",
            condition=TriggerCondition(code="SPRING"),
            limits=Limits(per_ip=3, budget_micro_eur=12_340_000),
        ),
        "spins": campaign("spins", "free_spins", free_spins=SPINS),
        "personal": campaign("personal", "free_spins", free_spins=SPINS, eligibility=Eligibility(players=("vip-1",))),
    },
    fraud=FraudRules(denied_countries=("KP",), max_bonus_per_player=PeriodLimit(7, 1_000_000_000)),
    round_timeout=RoundTimeout(DAY_MS, "refund"),
    loyalty=LADDER,
)


class EnginePlayers:
    """Every player is new; time passes only where a test moves `now_ms`."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.switches: Callable[[], Switches] = Switches
        """What is switched off, whenever it is asked."""
        self._players: dict[str, Player] = {}

    def submit(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome) -> None:
        on_outcome(self._outcome(self._players.setdefault(player_id, Player.new(player_id)), command_id, body))

    def forget(self, player_id: str) -> None:
        """The player remembers no command any more, as after some days."""
        self._players[player_id].window = Window()

    def _command(self, command_id: str, body: Any) -> Command:
        return Command(command_id, self.now_ms, body, Facts(off=self.switches().in_short()))

    def _outcome(self, player: Player, command_id: str, body: CommandBody | QueryBody) -> Outcome:
        while (due := next_due(player.state)) is not None and due.time_ms <= self.now_ms:
            execute(player, CATALOG, due)
        if isinstance(body, Query):
            shown = query(player, CATALOG, body, self.now_ms)  # type: ignore[arg-type]
            return shown if isinstance(shown, Rejection) else Answered(shown)
        done = execute(player, CATALOG, self._command(command_id, body))
        if isinstance(done, Rejection):
            return done
        return Answered(msgspec.msgpack.decode(done.answer, type=AnyAnswer), isinstance(done, Replayed))
