"""Players who answer everything plausibly, and their answers."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from actors.outcome import Answered, OnOutcome, Outcome
from engine import commands as c
from engine.answers import (
    OPEN,
    AwardsAnswer,
    Balance,
    BlockAnswer,
    DepositAnswer,
    ErasedAnswer,
    FlagClearedAnswer,
    GrantAnswer,
    Granted,
    GrantStateAnswer,
    LevelAnswer,
    Points,
    PointsAnswer,
    RedemptionAnswer,
    RegisteredAnswer,
    ReportedBetAnswer,
    RollbackAnswer,
    RoundAnswer,
    SessionAnswer,
    Wagering,
    WithdrawalAnswer,
)
from engine.catalog import Privileges
from engine.commands import CommandBody
from engine.queries import GetBonuses, GetCancelPreview, GetLoyalty, GetPlayer, GetRounds, GetRtp, QueryBody
from engine.state import Redemption
from engine.views import AnyReply, CancelPreview, GrantsView, LoyaltyView, NextLevel, PlayerView, RoundsView, RtpView

BALANCE = Balance(real=9_900, bonus=500, bonus_usable=300, withdrawable=9_900)
ROUND = RoundAnswer(
    session_id="s-1",
    round_id=None,
    game_id="book-of-dunes",
    mode="real",
    stage=OPEN,
    bet_amount=100,
    win_amount=0,
    win_reported=0,
    remaining_spins=0,
    currency="EUR",
    funds_real=100,
    funds_bonus=0,
    balance=BALANCE,
    wagering=Wagering("g-1", 3_400, 100, 500),
    time_ms=1_767_225_600_000,
    level="gold",
    points=1_234,
)
POINTS = Points(1_234, 1_000, 500, 20, 2_754)
GOLD = Privileges(1_250_000, 2_000_000, "email", 965_000, "accelerated", ("tournaments",))
LOYALTY = LoyaltyView(
    player_id="p1",
    level="gold",
    points=POINTS,
    cumulative_micro=62_000_009_999,
    qualifying_micro=60_000_019_999,
    rolling_micro=9_999_999_999,
    next_level=NextLevel("platinum", 200_000_000_000, 139_999_980_001),
    privileges=GOLD,
    points_expire_ms=1_798_761_600_000,
    level_since_ms=1_767_225_600_000,
    downgrade_at_risk=True,
    forced=True,
    redemptions=(Redemption("r9", 1_000, 1_000, "locked", 1_767_225_600_000, 1_767_484_800_000),),
)
VIEW = PlayerView("p1", 3, "EUR", "DE", "de", ("newcomers",), False, BALANCE, (), (), (ROUND,), (), LOYALTY)
DECLINED = Granted("spring", "g-2", 500, state="declined", reasons=("budget_exhausted",))
RESERVED = WithdrawalAnswer("w7", 400, "reserved", "EUR", BALANCE, ("g-1",), ("k-1",), "accelerated")
REDEEMED = Granted("redemption", "g-3", 1_000)
LOCKED = RedemptionAnswer("r9", "locked", 1_000, 1_000, "EUR", 1_767_484_800_000, POINTS, BALANCE)
CHANGED = GrantStateAnswer("g-1", "gift", "granted", (), BALANCE)
REPLIES: Mapping[type, AnyReply] = {
    c.Register: RegisteredAnswer(True, "EUR", "DE", "de", ("newcomers",)),
    c.Deposit: DepositAnswer("d-1", 10_000, 1, "EUR", BALANCE, (Granted("welcome-100", "g-1", 5_000),), (DECLINED,)),
    c.GrantCampaign: GrantAnswer(Granted("gift", None, 0, "k-1", 20), BALANCE),
    c.Block: BlockAnswer(True, "fraud"),
    c.Unblock: BlockAnswer(False, "cleared"),
    c.ErasePlayer: ErasedAnswer(1_700_000_000_000),
    c.ClearFlag: FlagClearedAnswer("f0123456789abcdef", "win_already_spent", "s-1", 500, "settled by hand"),
    c.Rollback: RollbackAnswer("rolled_back", ("g-1",), "s-1", BALANCE),
    c.RollbackReportedBet: RollbackAnswer("tombstoned", (), None, BALANCE),
    c.Withdraw: RESERVED,
    c.ConfirmWithdrawal: WithdrawalAnswer("w7", 400, "confirmed", "EUR", BALANCE),
    c.CancelWithdrawal: WithdrawalAnswer("w7", 400, "cancelled", "EUR", BALANCE),
    c.StartSession: SessionAnswer((ROUND,), (Granted("gift", "g-1", 500),), (DECLINED,), 965_000),
    c.PostEvent: AwardsAnswer(BALANCE, (Granted("gift", "g-1", 500),)),
    c.EnterCode: AwardsAnswer(BALANCE, (Granted("gift", "g-1", 500),), (DECLINED,)),
    c.ReportBet: ReportedBetAnswer("b8", 333, "table", 290_043, points_micro=145_021, level="gold"),
    c.ClaimGrant: CHANGED,
    c.CancelGrant: GrantStateAnswer("g-1", "gift", "cancelled", (), BALANCE),
    c.ApproveGrant: CHANGED,
    c.DeclineGrant: GrantStateAnswer("g-1", "gift", "declined", ("shared_device",), BALANCE),
    c.ReleaseGrant: GrantStateAnswer("g-1", "gift", "completed", (), BALANCE),
    c.AdjustPoints: PointsAnswer(POINTS),
    c.ForceLevel: LevelAnswer("silver", "gold"),
    c.RequestRedemption: LOCKED,
    c.ConfirmRedemption: replace(LOCKED, state="confirmed", granted=(REDEEMED,)),
    c.CancelRedemption: replace(LOCKED, state="cancelled"),
    GetLoyalty: LOYALTY,
    GetRtp: RtpView(965_000, "gold", True),
    GetCancelPreview: CancelPreview(300, 0, 9_900),
    GetPlayer: VIEW,
    GetRounds: RoundsView((ROUND,)),
    GetBonuses: GrantsView(()),
}


class Asked(NamedTuple):
    """What a player was asked."""

    player_id: str
    command_id: str
    body: CommandBody | QueryBody


class ScriptedPlayers:
    """Answers everything plausibly, or with `outcome`; remembers what it was asked."""

    def __init__(self, outcome: Outcome | None = None, replayed: bool = False) -> None:
        self.asked: list[Asked] = []
        self._outcome = outcome
        self._replayed = replayed

    def submit(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome) -> None:
        self.asked.append(Asked(player_id, command_id, body))
        on_outcome(self._outcome or Answered(REPLIES.get(type(body), ROUND), self._replayed))
