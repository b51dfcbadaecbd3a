"""A house that is played at random, with a seed, for some weeks: what reports are tested against.

It keeps its own books: of every accepted command what the player had before and after it. Two currencies, levels,
bonuses of every ending, free spins, rollbacks, cancelled rounds, reported bets, redemptions, withdrawals.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from engine import commands as c
from engine.catalog import BonusAward, Campaign, FraudRules
from engine.due import next_due
from engine.player import execute
from engine.state import Player
from engine.tally import active_awards, tally
from engine.transition import Transition
from tests.support.ladder import BRONZE, GOLD, level, rules, vip_house
from tests.support.playing import DAY_MS, START_MS, campaign, match, spins, wager

SILVER: Final = level("silver", 60, bonus_multiplier_micro=1_000_000, cashback_percent_micro=10_000_000)
BOTH: Final = {"EUR": 400, "JPY": 600}
BETS: Final = {"EUR": 10, "JPY": 15}
CAMPAIGNS: Final[tuple[Campaign, ...]] = (
    match(100, wager=wager(2, valid_days=10)),
    campaign("gift", bonus=BonusAward(fixed=BOTH), wager=wager(1, max_cashout={"EUR": 500, "JPY": 700}, valid_days=8)),
    campaign("short", bonus=BonusAward(fixed=BOTH), wager=wager(30, valid_days=2)),
    campaign("opt", bonus=BonusAward(fixed=BOTH), wager=wager(1, valid_days=5), opt_in=True, claim_days=3),
    campaign("spins-wagered", type="free_spins", free_spins=spins(4, 1, bet=BETS, valid_days=4)),
    campaign("spins-paid", type="free_spins", free_spins=spins(3, 0, bet=BETS, valid_days=4)),
    campaign("opt-spins", type="free_spins", free_spins=spins(3, 1, bet=BETS, valid_days=4), opt_in=True),
    campaign("bundle", bonus=BonusAward(fixed=BOTH), free_spins=spins(2, 1, bet=BETS, valid_days=4), wager=wager(1)),
)


class Purse(NamedTuple):
    """What a player has at a moment: minor units, micro-points, micro-EUR."""

    real: int
    bonus: int
    points: int
    locked: int
    level: str
    turnover: int


class Wagering(NamedTuple):
    """How a bonus stands: minor units."""

    campaign_id: str
    state: str
    due: int
    wagered: int


class Step(NamedTuple):
    """One accepted command. `counted` is what it added to the store's counters, `bonuses` are those it leaves."""

    time_ms: int
    player_id: str
    currency: str
    body: Any
    before: Purse
    after: Purse
    transition: Transition
    counted: dict[str, int]
    bonuses: dict[str, Wagering]


class GoldenHouse:
    """Twelve players, `days` days from 2026-01-01 on."""

    def __init__(self, seed: int = 11, days: int = 64, players: int = 12) -> None:
        self.random = Random(seed)
        self.catalog = replace(
            vip_house(*CAMPAIGNS, loyalty=rules(BRONZE, SILVER, replace(GOLD, threshold_micro=250_000_000))),
            fraud=FraudRules(denied_countries=("KP",)),
        )
        self.players: dict[str, Player] = {}
        self.steps: list[Step] = []
        self.counters: dict[str, int] = {}
        """The counters of the store, as the engine adds them up."""
        self.bets: dict[str, list[str]] = {}
        self.reported: dict[str, list[str]] = {}
        self._number = 0
        self.now = START_MS
        for number in range(players):
            self._arrive(f"player-{number:02}", "JPY" if number % 4 == 3 else "EUR", "KP" if number == 5 else "FI")
        for day in range(days):
            self._pass_until(START_MS + day * DAY_MS)
            for player_id in self.players:
                if self.random.random() < 0.75:
                    self._a_day_of(player_id)
        self._pass_until(START_MS + days * DAY_MS)

    @property
    def transitions(self) -> Sequence[Transition]:
        """All entries of all journals, in the order of time."""
        return [step.transition for step in self.steps]

    # --- commands

    def play(self, player_id: str, body: c.CommandBody) -> Step | None:
        """The step, or None if the command is refused."""
        self._number += 1
        self.now += 1_000
        return self._run(player_id, c.Command(f"gs:{self._number}", self.now, body))

    def _run(self, player_id: str, command: c.Command) -> Step | None:
        player = self.players[player_id]
        before, active = purse(player), active_awards(player.state)
        done = execute(player, self.catalog, command)
        if not isinstance(done, Transition):
            return None
        state = player.state
        counted = tally(active, active_awards(state), state, done.events)
        for name, more in counted.items():
            self.counters[name] = self.counters.get(name, 0) + more
        step = Step(
            time_ms=done.time_ms,
            player_id=player_id,
            currency=state.currency,
            body=command.body,
            before=before,
            after=purse(player),
            transition=done,
            counted=counted,
            bonuses=bonuses(player),
        )
        self.steps.append(step)
        return step

    def _pass_until(self, time_ms: int) -> None:
        """All due work of all players, in the order of its time."""
        while True:
            due = [(next_due(p.state, catalog=self.catalog), name) for name, p in self.players.items()]
            first = min(
                ((d.time_ms, name, d) for d, name in due if d is not None and d.time_ms <= time_ms), default=None
            )
            if first is None:
                break
            self.now = max(self.now, first[0])
            assert self._run(first[1], replace(first[2], time_ms=self.now)) is not None
        self.now = max(self.now, time_ms)

    # --- what players do

    def _arrive(self, player_id: str, currency: str, country: str) -> None:
        self.players[player_id] = Player.new(player_id)
        self.bets[player_id], self.reported[player_id] = [], []
        self.play(player_id, c.Register(currency, country))

    def _a_day_of(self, player_id: str) -> None:
        for _ in range(self.random.randint(2, 9)):
            self.random.choice(_DOINGS)(self, player_id)

    def _deposit(self, player_id: str) -> None:
        self.play(player_id, c.Deposit(self.random.randint(1_000, 4_000)))

    def _spin(self, player_id: str) -> None:
        player = self.players[player_id].state
        have = player.real - player.reserved + sum(grant.balance for grant in player.grants)
        bet = self.random.randint(15, 400)
        if have >= bet:
            win = self.random.choice((0, 0, 0, bet // 2, bet, 2 * bet, 4 * bet))
            self._noted(player_id, c.Spin(self.random.choice(("book", "dice", "wheel")), "real", bet, win))

    def _noted(self, player_id: str, body: c.Spin) -> Step | None:
        step = self.play(player_id, body)
        if step is not None:
            self.bets[player_id].append(step.transition.command_id)
        return step

    def _long_round(self, player_id: str) -> None:
        """A round of several commands: it ends with a result, is cancelled, or loses one bet."""
        opened = self._noted(player_id, c.Spin("dice", "real", self.random.randint(15, 200)))
        if opened is None:
            return
        session = opened.transition.events[0].session_id  # type: ignore[union-attr]
        more = self.play(player_id, c.AddBet(session, self.random.randint(15, 100)))
        what = self.random.randint(0, 3)
        if what == 0:
            self.play(player_id, c.CancelRound(session))
        elif what == 1 and more is not None:
            self.play(player_id, c.Rollback(more.transition.command_id))
        if what:
            self.play(player_id, c.Result(session, self.random.randint(0, 500)))

    def _rollback(self, player_id: str) -> None:
        if self.bets[player_id]:
            self.play(player_id, c.Rollback(self.bets[player_id].pop()))

    def _free_spin(self, player_id: str) -> None:
        for _ in range(2):
            self._noted(player_id, c.Spin("book", "freespin", None, self.random.choice((0, 0, 25, 90))))

    def _slow_free_spin(self, player_id: str) -> None:
        opened = self.play(player_id, c.Spin("book", "freespin", None))
        if opened is not None:
            session = opened.transition.events[0].session_id  # type: ignore[union-attr]
            self.play(player_id, c.Result(session, self.random.choice((0, 60))))

    def _grant(self, player_id: str) -> None:
        self.play(player_id, c.GrantCampaign(self.random.choice(CAMPAIGNS[1:]).campaign_id, "goodwill"))

    def _claim(self, player_id: str) -> None:
        for grant in self.players[player_id].state.grants:
            if grant.awaits_claim and grant.state == "initiated":
                self.play(player_id, c.ClaimGrant(grant.grant_id))
                return

    def _give_up(self, player_id: str) -> None:
        grants = self.players[player_id].state.grants
        if grants and self.random.random() < 0.3:
            self.play(player_id, c.CancelGrant(self.random.choice(grants).grant_id, "the player asked"))

    def _withdraw(self, player_id: str) -> None:
        step = self.play(player_id, c.Withdraw(self.random.randint(100, 900), self.random.random() < 0.4))
        if step is not None:
            withdrawal = next(iter(reversed(self.players[player_id].state.withdrawals)))
            body = c.ConfirmWithdrawal if self.random.random() < 0.7 else c.CancelWithdrawal
            self.play(player_id, body(withdrawal))

    def _report(self, player_id: str) -> None:
        step = self.play(player_id, c.ReportBet(self.random.randint(100, 3_000), "live"))
        if step is not None:
            self.reported[player_id].append(step.transition.command_id)
        if self.reported[player_id] and self.random.random() < 0.2:
            self.play(player_id, c.RollbackReportedBet(self.reported[player_id].pop()))

    def _points(self, player_id: str) -> None:
        if self.random.random() < 0.5:
            self.play(player_id, c.AdjustPoints(self.random.randint(-20, 900), "an apology"))
        step = self.play(player_id, c.RequestRedemption(1_000))
        if step is None:
            return
        redemption = next(iter(reversed(self.players[player_id].state.loyalty.redemptions)))
        what = self.random.randint(0, 2)
        if what:
            self.play(player_id, (c.ConfirmRedemption if what == 1 else c.CancelRedemption)(redemption))

    def _force(self, player_id: str) -> None:
        if self.random.random() < 0.05:
            self.play(player_id, c.ForceLevel("silver", "a friend of the house"))

    def _flag(self, player_id: str) -> None:
        if self.random.random() < 0.2:
            self.play(player_id, c.FlagForOperator(f"gs:late-{self._number}", "round_closed", "s-1", 70))
        flagged = self.players[player_id].state.flagged
        if flagged and self.random.random() < 0.5:
            self.play(player_id, c.ClearFlag(next(iter(flagged)).flag_id, "paid by hand"))


_DOINGS: Final = (
    *(GoldenHouse._deposit,) * 3,
    *(GoldenHouse._spin,) * 9,
    *(GoldenHouse._long_round,) * 3,
    GoldenHouse._rollback,
    *(GoldenHouse._free_spin,) * 2,
    GoldenHouse._slow_free_spin,
    *(GoldenHouse._grant,) * 3,
    *(GoldenHouse._claim,) * 2,
    GoldenHouse._give_up,
    GoldenHouse._withdraw,
    GoldenHouse._report,
    GoldenHouse._points,
    GoldenHouse._force,
    GoldenHouse._flag,
)


def purse(player: Player) -> Purse:
    """What the player has now."""
    state = player.state
    loyalty = state.loyalty
    bonus = sum(grant.balance for grant in state.grants)
    return Purse(state.real, bonus, loyalty.available, loyalty.locked, loyalty.level, state.turnover_micro)


def bonuses(player: Player) -> dict[str, Wagering]:
    """All bonuses that the player's state holds, ended ones as far as they are kept."""
    return {
        grant.grant_id: Wagering(
            grant.campaign_id,
            grant.state,
            grant.wager_total,
            grant.wager_total - grant.remaining_wager + grant.wagered_beyond,
        )
        for grant in (*player.state.ended_grants, *player.state.grants)
    }
