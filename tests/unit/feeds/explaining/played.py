"""Players who do a bit of everything, at random, with the balances of the engine after each version."""

from random import Random

from engine.catalog import CASHBACK, REDEMPTION, CashbackRules, Catalog, PointRules, RedemptionRules, RoundTimeout
from engine.commands import (
    AddBet,
    AdjustPoints,
    CancelGrant,
    CancelRedemption,
    CancelRound,
    CancelWithdrawal,
    ClaimGrant,
    ClearFlag,
    Command,
    CommandBody,
    ConfirmRedemption,
    ConfirmWithdrawal,
    Deposit,
    FlagForOperator,
    GrantCampaign,
    Mode,
    ReleaseGrant,
    ReportBet,
    RequestRedemption,
    Result,
    Rollback,
    RollbackReportedBet,
    Spin,
    Withdraw,
)
from engine.due import next_due
from engine.transition import Transition
from feeds.explaining.movements import Movement
from tests.support.ladder import FACTORS, level, paid_by, promotion, rules, vip_house
from tests.support.playing import DAY_MS, MILLION, START_MS, Table, campaign, match, spins, wager

HOUR_MS = 3_600_000
GAMES = ("book", "dice", "wheel", "vault")


def house(funds_order: str = "real_first") -> Catalog:
    """Bonuses of most kinds, free spins with and without wagering, points, redemptions, cashback, a promotion."""
    loyalty = rules(
        level("bronze", 0),
        level("silver", 50, cashback_percent_micro=10 * MILLION),
        points=PointRules(FACTORS, 12),
        redemption=RedemptionRules(100, 10, 1, 72 * HOUR_MS, paid_by(REDEMPTION, 3)),
        cashback=CashbackRules({"EUR": 1, "SEK": 1, "JPY": 1}, paid_by(CASHBACK, 7)),
    )
    terms = wager(3, valid_days=5, max_bet={"EUR": 60}, over_max_bet="cancel", max_cashout={"EUR": 300})
    campaigns = (
        match(100, 500, wager=terms),
        campaign("gift", 200, wager=wager(2, valid_days=3, contribution_games={"dice": 50}, excluded_games=("vault",))),
        campaign("plain", 90, wager=wager(0, valid_days=2)),
        campaign("late", 150, wager=wager(1, valid_days=2, min_average_bet={"EUR": 45}), opt_in=True, claim_days=2),
        campaign(
            "spins", type="free_spins", free_spins=spins(4, 2, max_win={"EUR": 120}), wager=wager(2, valid_days=4)
        ),
        campaign("cash-spins", type="free_spins", free_spins=spins(3, 0)),
        promotion("double", "2", valid_from_ms=START_MS + DAY_MS, valid_to_ms=START_MS + 3 * DAY_MS),
    )
    return vip_house(
        *campaigns, loyalty=loyalty, funds_order=funds_order, round_timeout=RoundTimeout(20 * HOUR_MS, "refund")
    )


class Life:
    """One player; `after[version]` is what the engine's state holds after that version."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.catalog = house(self._random.choice(["real_first", "bonus_first"]))
        self.table = Table(self.catalog, 2_000)
        self.after = {1: Movement()}
        self._sent = 0
        self._noted = 0
        self._note()

    @property
    def transitions(self) -> list[Transition]:
        return self.table.transitions

    def play(self, commands: int) -> "Life":
        """So many commands, of which some are refused."""
        for _ in range(commands):
            self._one()
        return self

    def _one(self) -> None:
        self.table.now += self._random.choice([0, 1, 1, HOUR_MS, 9 * HOUR_MS])
        while (due := self._due()) is not None:
            self.table.run_command(due)
            self._note()
        self._sent += 1
        self.table.run(self._body(), f"gs:c{self._sent}")
        self._note()

    def _due(self) -> Command | None:
        due = next_due(self.table.state, catalog=self.catalog)
        return due if due is not None and due.time_ms <= self.table.now else None

    def _note(self) -> None:
        """Only the last of the new versions is known here: `run` makes at most one."""
        state = self.table.state
        bonus = sum(grant.balance for grant in state.grants)
        self.after[state.version] = Movement(state.real, bonus, state.loyalty.available)

    def _body(self) -> CommandBody:
        random, state = self._random, self.table.state
        stake, win = random.choice([10, 20, 41, 60, 70]), random.choice([0, 0, 7, 25, 100, 333])
        session = random.choice([*state.rounds, "p1-1"])
        bet = f"gs:c{max(1, self._sent - random.randrange(1, 12))}"
        grant = random.choice([each.grant_id for each in state.grants] or ["g1-1"])
        redemption = random.choice([*state.loyalty.redemptions, "r1"])
        withdrawal = random.choice([*state.withdrawals, "w1"])
        flag = random.choice([each.flag_id for each in state.flagged] or ["f0000000000000000"])
        game, free = random.choice(GAMES), random.random() < 0.25
        mode: Mode = "freespin" if free else "real"
        changed: list[CommandBody] = [AddBet(session, stake), Result(session, win, random.random() < 0.6)]
        bodies: list[CommandBody] = [
            *[Spin("book" if free else game, mode, None if free else stake, win)] * 6,
            *[Spin(game, "real", stake)] * 3,
            *(changed * 2),
            *[Rollback(bet)] * 3,
            CancelRound(session),
            Deposit(random.choice([50, 300])),
            GrantCampaign(random.choice(["gift", "plain", "late", "spins", "cash-spins"]), "because"),
            ClaimGrant(grant),
            CancelGrant(grant, "unwanted"),
            ReleaseGrant(grant, "looked at"),
            Withdraw(random.choice([20, 200]), True),
            ConfirmWithdrawal(withdrawal),
            CancelWithdrawal(withdrawal),
            ReportBet(stake * 10, "slot"),
            RollbackReportedBet(bet),
            AdjustPoints(random.choice([-3, 40]), "by hand"),
            RequestRedemption(10),
            ConfirmRedemption(redemption),
            CancelRedemption(redemption),
            FlagForOperator(bet, "win_already_spent", session, win, bet),
            ClearFlag(flag, "seen"),
        ]
        return random.choice(bodies)
