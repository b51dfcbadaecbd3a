"""Random play against a naive ledger: whatever happens, in whatever order, engine and rules agree at every step."""

import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from engine.answers import RoundAnswer, WithdrawalAnswer
from engine.commands import (
    BETS,
    AddBet,
    Block,
    CancelRound,
    CancelWithdrawal,
    CommandBody,
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
from tests.property.grant_steps import OFFER_IDS, PICK, GrantSteps
from tests.property.offers import HOUR_MS, TYPES
from tests.property.wiring import Wiring

GAMES = st.sampled_from([*TYPES, "book", "book"])
STAKES = st.sampled_from([10, 15, 19, 20, 33, 40, 40, 41, 50, 60, 61, 70, 100, 10, 25, 9, 401]) | st.integers(10, 60)
WINS = st.sampled_from([0, 0, 1, 7, 25, 100, 333]) | st.integers(0, 500)
ONE_CALL_WINS = st.none() | WINS
WAITS = st.sampled_from([1, 1_000, HOUR_MS, 11 * HOUR_MS, 24 * HOUR_MS, 25 * HOUR_MS, 49 * HOUR_MS, 120 * HOUR_MS])
LATE_IDS = st.sampled_from(["gs:late-1", "gs:late-2", "gs:late-3"])
WIRINGS = st.builds(
    Wiring,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["hold", "release", "cancel"]),
    st.booleans(),
    st.sampled_from([False, False, False, True]),
)


class Players(GrantSteps):
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

    def session(self, pick: int) -> str:
        """Mostly an open round, sometimes any round or none."""
        rounds = self.player.ledger.wallet.rounds
        sessions = [r.id for r in self.player.ledger.wallet.open_rounds()] if pick % 8 else [*rounds, "p1-9999"]
        assume(sessions)
        return sessions[pick % len(sessions)]

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

    @rule(command_id=LATE_IDS)
    def late_report(self, command_id: str) -> None:
        self.send(RollbackReportedBet(command_id))
        self.send(ReportBet(10, "live"), command_id)

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

    @rule(game_id=GAMES, bets=st.lists(STAKES, min_size=1, max_size=4), wins=st.lists(WINS, min_size=1, max_size=3))
    def play_a_round(self, game_id: str, bets: list[int], wins: list[int]) -> None:
        opened = self.send(Spin(game_id, "real", bets[0]))
        if isinstance(opened, RoundAnswer):
            for amount in bets[1:]:
                self.send(AddBet(opened.session_id, amount))
            for win in wins[1:]:
                self.send(Result(opened.session_id, win, final=False))
            self.send(Result(opened.session_id, wins[0] % 120))

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

    @rule(pick=PICK, win=WINS, final=st.sampled_from([True, True, False]))
    def result(self, pick: int, win: int, final: bool) -> None:
        self.send(Result(self.session(pick), win, final))

    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        self.send(CancelRound(self.session(pick)))

    @rule(game_id=GAMES, free=st.booleans(), bets=st.lists(STAKES, min_size=1, max_size=3), by_rollback=st.booleans())
    def cancel_restores_exactly(self, game_id: str, free: bool, bets: list[int], by_rollback: bool) -> None:
        self.player.run_due()
        before = self.player.holdings()
        opened = self.send(Spin(game_id, "freespin" if free else "real", None if free else bets[0]))
        if not isinstance(opened, RoundAnswer):
            return
        session = opened.session_id
        bet_id = f"gs:{self.keys}"
        for amount in bets[1:]:
            self.send(AddBet(session, amount))
        self.send(Rollback(bet_id) if by_rollback else CancelRound(session))
        assert self.player.holdings() == before

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

    # --- undoing and repeating

    def _accepted(self, pick: int) -> str:
        """The newest are picked most."""
        order = self.player.ledger.order
        return order[-1 - (pick % 10 if pick % 4 else pick) % len(order)]

    @rule(pick=PICK, among_bets=st.sampled_from([True, True, True, False]))
    def roll_back(self, pick: int, among_bets: bool) -> None:
        accepted = self.player.ledger.accepted
        bets = [key for key in self.player.ledger.remembered() if isinstance(accepted[key].body, BETS)]
        self.send(Rollback(bets[-1 - pick % len(bets)] if bets and among_bets else self._accepted(pick)))

    @rule(game_id=GAMES, bet=STAKES, win=WINS, free=st.booleans())
    def one_call_undone_at_once_restores_money(self, game_id: str, bet: int, win: int, free: bool) -> None:
        self.player.run_due()
        before = self.player.live.state.real, sum(grant.balance for grant in self.player.live.state.grants)
        body = Spin(game_id, "freespin" if free else "real", None if free else bet, win)
        if isinstance(self.send(body), str):
            return
        undone = self.send(Rollback(f"gs:{self.keys}"))
        after = self.player.live.state.real, sum(grant.balance for grant in self.player.live.state.grants)
        assert isinstance(undone, str) or after == before

    @rule(command_id=LATE_IDS)
    def roll_back_what_has_not_come(self, command_id: str) -> None:
        self.send(Rollback(command_id))

    @rule(command_id=LATE_IDS, bet=STAKES, win=ONE_CALL_WINS)
    def late_bet(self, command_id: str, bet: int, win: int | None) -> None:
        self.send(Spin("wheel", "real", bet, win), command_id)

    @rule(pick=PICK)
    def repeat(self, pick: int) -> None:
        command_id = self._accepted(pick)
        self.send(self.player.ledger.accepted[command_id].body, command_id)

    @rule(pick=PICK, body=st.sampled_from([Deposit(7), Spin("book", "real", 12, 3), Rollback("gs:late-1")]))
    def reuse_id(self, pick: int, body: CommandBody) -> None:
        self.send(body, self._accepted(pick))

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

    @rule(count=st.sampled_from([20, 128, 140]), wait_ms=st.sampled_from([0, 0, 1, 14 * 60_000]))
    @precondition(lambda self: self.keys < 300 and self.keys % 3 == 0)
    def keep_busy(self, count: int, wait_ms: int) -> None:
        for _ in range(count):
            self.player.now += wait_ms
            self.send(Register("EUR"))

    @rule()
    def snapshot(self) -> None:
        self.player.take_snapshot()

    @invariant()
    def remembers(self) -> None:
        if hasattr(self, "player"):
            self.player.check_memory()


TestPlayers = pytest.mark.timeout(7_200)(Players.TestCase)
