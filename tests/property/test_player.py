"""Random play against a naive ledger: whatever happens, in whatever order, engine and rules agree at every step."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from engine.answers import RoundAnswer, WithdrawalAnswer
from engine.commands import (
    AddBet,
    Block,
    CancelRound,
    CancelWithdrawal,
    ConfirmWithdrawal,
    Deposit,
    GrantCampaign,
    Mode,
    PostEvent,
    Register,
    ReportBet,
    Result,
    Rollback,
    RollbackReportedBet,
    Spin,
    StartSession,
    Unblock,
    Withdraw,
)
from tests.property.grant_steps import OFFER_IDS, PICK
from tests.property.offers import HOUR_MS
from tests.property.round_steps import GAMES, ONE_CALL_WINS, STAKES, WINS, RoundSteps
from tests.property.wiring import Wiring

WAITS = st.sampled_from([1, 1_000, HOUR_MS, 11 * HOUR_MS, 24 * HOUR_MS, 25 * HOUR_MS, 49 * HOUR_MS, 120 * HOUR_MS])
WIRINGS = st.builds(
    Wiring,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["hold", "release", "cancel"]),
    st.booleans(),
    st.sampled_from([False, False, False, True]),
)


class Players(RoundSteps):
    """The lives of a few players at one house, one at a time. Rules send commands; `ComparedPlayer.send` proves all
    that a step promises.
    """

    @initialize(
        funds_order=st.sampled_from(["real_first", "bonus_first"]),
        deposit=st.sampled_from([None, 30, 250]),
        wired=WIRINGS,
    )
    def arrive(self, funds_order: str, deposit: int | None, wired: Wiring) -> None:
        self.open_house(funds_order, wired)
        assert self.send(Deposit(100)) == "player_not_found"
        assert self.send(Register("NOK")) == "unsupported_currency"
        self.send(Register("EUR", "FI"))
        if deposit is not None:
            self.send(Deposit(deposit))

    # --- money in

    @rule(amount=st.sampled_from([0, 1, 10, 45, 90, 300]))
    def deposit(self, amount: int) -> None:
        self.send(Deposit(amount))

    @rule(campaign_id=OFFER_IDS)
    def grant(self, campaign_id: str) -> None:
        self.send(GrantCampaign(campaign_id, "because"))

    @rule(campaign_ids=st.lists(OFFER_IDS, min_size=2, max_size=4))
    def grant_several(self, campaign_ids: list[str]) -> None:
        for campaign_id in campaign_ids:
            self.send(GrantCampaign(campaign_id, "because"))

    @rule(campaign_id=OFFER_IDS, wins=st.lists(WINS, max_size=2), bets=st.lists(STAKES, max_size=3), undo=st.booleans())
    def grant_and_play(self, campaign_id: str, wins: list[int], bets: list[int], undo: bool) -> None:
        self.send(GrantCampaign(campaign_id, "because"))
        for win in wins:
            self.send(Spin("dice" if campaign_id == "short-spins" else "book", "freespin", None, win % 60))
        for bet in bets:
            self.send(Deposit(bet))
            self.send(Spin("wheel", "real", bet, bet))
        if undo:
            self.send(Rollback(f"gs:{self.keys}"))

    @rule(currency=st.sampled_from(["EUR", "SEK"]), country=st.sampled_from([None, "FI", "NO"]))
    def register_again(self, currency: str, country: str | None) -> None:
        self.send(Register(currency, country))

    # --- money out, and what comes from elsewhere

    @rule(amount=st.sampled_from([0, 1, 10, 50, 200]), forfeit=st.booleans())
    def withdraw(self, amount: int, forfeit: bool) -> None:
        self.send(Withdraw(amount, forfeit))

    @rule(pick=PICK, confirm=st.booleans())
    def end_a_withdrawal(self, pick: int, confirm: bool) -> None:
        known = ["w9999", *self.player.ledger.withdrawals]
        withdrawal_id = known[-1 - pick % len(known)]
        self.send(ConfirmWithdrawal(withdrawal_id) if confirm else CancelWithdrawal(withdrawal_id))

    @rule(campaign_id=OFFER_IDS, bets=st.lists(STAKES, max_size=3), confirm=st.booleans(), wait_ms=WAITS)
    def withdraw_and_play_meanwhile(self, campaign_id: str, bets: list[int], confirm: bool, wait_ms: int) -> None:
        self.send(Deposit(200))
        self.send(GrantCampaign(campaign_id, "because"))
        self.send(Withdraw(60, forfeit_bonuses=True))
        for bet in bets:
            self.send(Spin("wheel", "real", bet, bet // 2))
            self.send(GrantCampaign("plain", "because"))
        self.player.now += wait_ms if bets and bets[0] % 3 == 0 else 0
        if self.player.ledger.withdrawals:
            newest = [*self.player.ledger.withdrawals][-1]
            self.send(ConfirmWithdrawal(newest) if confirm else CancelWithdrawal(newest))

    @rule(bet=STAKES, win=WINS, left=st.integers(0, 30))
    def withdraw_what_was_won_and_undo(self, bet: int, win: int, left: int) -> None:
        self.send(Deposit(bet))
        self.send(Spin("vault", "real", bet, win))
        spin_id = f"gs:{self.keys}"
        self.send(Withdraw(max(1, self.player.ledger.wallet.free() - left), forfeit_bonuses=True))
        self.send(Rollback(spin_id))

    @rule(campaign_id=OFFER_IDS, ends=st.lists(st.booleans(), min_size=2, max_size=2), spin=st.booleans())
    def withdraw_twice(self, campaign_id: str, ends: list[bool], spin: bool) -> None:
        self.send(Deposit(50))
        self.send(GrantCampaign(campaign_id, "because"))
        if spin:
            self.send(Spin("book", "freespin", None, 20))
        ids = []
        for _ in ends:
            asked = self.send(Withdraw(5, forfeit_bonuses=True))
            ids += [asked.withdrawal_id] if isinstance(asked, WithdrawalAnswer) else []
        for withdrawal_id, confirm in zip(ids, ends, strict=False):
            self.player.now += HOUR_MS * 25 * spin
            self.send(ConfirmWithdrawal(withdrawal_id) if confirm else CancelWithdrawal(withdrawal_id))

    @rule(amount=st.sampled_from([0, 1, 250]), game_type=st.sampled_from(["slot", "live", "chess"]), undo=st.booleans())
    def report_bet(self, amount: int, game_type: str, undo: bool) -> None:
        self.send(ReportBet(amount, game_type))
        if undo:
            self.send(RollbackReportedBet(f"gs:{self.keys}"))

    @rule(event=st.booleans())
    def look_in(self, event: bool) -> None:
        self.send(PostEvent("quiz_won") if event else StartSession("1.2.3.4"))

    # --- play

    @rule(game_id=GAMES, bet=STAKES, win=ONE_CALL_WINS)
    def spin(self, game_id: str, bet: int, win: int | None) -> None:
        self.send(Spin(game_id, "real", bet, win))

    @rule(game_id=GAMES, bets=st.lists(STAKES, min_size=2, max_size=5), win=WINS)
    def spin_on(self, game_id: str, bets: list[int], win: int) -> None:
        for bet in bets:
            self.send(Spin(game_id, "real", bet, win % (2 * bet)))

    @rule(game_id=st.sampled_from(["book", "book", "dice", "wheel"]), wins=st.lists(WINS, min_size=1, max_size=3))
    def use_free_spins(self, game_id: str, wins: list[int]) -> None:
        for win in wins:
            self.send(Spin(game_id, "freespin", None, win % 50))

    @rule(game_id=GAMES, bet=st.sampled_from([None, None, None, 10, 15, 20]), win=ONE_CALL_WINS)
    def free_spin(self, game_id: str, bet: int | None, win: int | None) -> None:
        self.send(Spin(game_id, "freespin", bet, win))

    @rule(
        game_id=st.sampled_from(["book", "nowhere"]),
        mode=st.sampled_from(["real", "freespin"]),
        bet=st.sampled_from([None, 0, -1, 10]),
        win=st.sampled_from([None, -1, 5]),
    )
    def odd_spin(self, game_id: str, mode: Mode, bet: int | None, win: int | None) -> None:
        self.send(Spin(game_id, mode, bet, win))

    @rule(pick=PICK, amount=STAKES)
    def add_bet(self, pick: int, amount: int) -> None:
        self.send(AddBet(self.session(pick), amount))

    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        self.send(CancelRound(self.session(pick)))

    @rule(
        campaign_id=OFFER_IDS,
        game_id=st.sampled_from(["dice", "dice", "wheel", "wheel", "book"]),
        free=st.booleans(),
        part=st.booleans(),
        late=st.sampled_from(["result", "cancel", "bet", "roll back", "nothing"]),
        hours=st.sampled_from([11, 13, 29, 31]),
    )
    def forget_a_round(self, campaign_id: str, game_id: str, free: bool, part: bool, late: str, hours: int) -> None:
        """It times out with a grant's money in it; what comes afterwards is late (rules §3, time-out)."""
        self.send(Deposit(20))
        self.send(GrantCampaign(campaign_id, "because"))
        opened = self.send(Spin(game_id, "freespin" if free else "real", None if free else 30))
        if not isinstance(opened, RoundAnswer):
            return
        bet_id = f"gs:{self.keys}"
        if part:
            self.send(Result(opened.session_id, 12, final=False))
        self.player.now += hours * HOUR_MS
        if late == "roll back":
            self.send(Rollback(bet_id))
        elif late == "bet":
            self.send(AddBet(opened.session_id, 20))
        elif late != "nothing":
            self.send(Result(opened.session_id, 33) if late == "result" else CancelRound(opened.session_id))

    @rule(win=WINS, wait_hours=st.sampled_from([1, 23, 26]), pick=st.integers(0, 2))
    @precondition(lambda self: self.keys < 300)
    def repeat_much_later_in_a_round(self, win: int, wait_hours: int, pick: int) -> None:
        opened = self.send(Spin("vault", "real", 10))
        if isinstance(opened, RoundAnswer):
            steps = (
                Spin("vault", "real", 10),
                AddBet(opened.session_id, 10),
                Result(opened.session_id, win, final=False),
            )
            first = self.keys
            self.send(steps[1])
            self.send(steps[2])
            self.keep_busy(129, wait_hours * HOUR_MS // 129)
            self.keep_busy(129, 0)
            self.send(steps[pick], f"gs:{first + pick}")

    # --- standing and time

    @rule()
    @precondition(lambda self: self.keys % 4 == 0 and not self.player.ledger.blocked)
    def block(self) -> None:
        self.send(Block("because"))

    @rule()
    @precondition(lambda self: self.player.ledger.blocked)
    def unblock(self) -> None:
        self.send(Unblock("because"))

    @rule(wait_ms=WAITS)
    def wait(self, wait_ms: int) -> None:
        self.player.now += wait_ms

    @rule(off_by=st.sampled_from([-1, 0, 1]))
    def wait_for_what_is_due(self, off_by: int) -> None:
        due = self.player.ledger.wallet.next_due()
        if due is not None:
            self.player.now = max(self.player.now, due[0] + off_by)

    @rule()
    def snapshot(self) -> None:
        self.player.take_snapshot()

    @invariant()
    def remembers(self) -> None:
        if hasattr(self, "player"):
            self.player.check_memory()


TestPlayers = pytest.mark.timeout(7_200)(Players.TestCase)
