"""Rules of the stateful test about rounds of several bets, and about undoing: in any order, and after any time."""

from random import Random

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from engine.answers import RoundAnswer
from engine.commands import (
    BETS,
    AddBet,
    CancelRound,
    ClearFlag,
    CommandBody,
    GrantCampaign,
    Register,
    ReportBet,
    Result,
    Rollback,
    RollbackReportedBet,
    Spin,
)
from tests.property.grant_steps import OFFER_IDS, PICK, GrantSteps
from tests.property.ledger import flag_id
from tests.property.offers import HOUR_MS, TYPES

GAMES = st.sampled_from([*TYPES, "book", "book"])
STAKES = st.sampled_from([10, 15, 19, 20, 33, 40, 40, 41, 50, 60, 61, 70, 100, 10, 25, 9, 401]) | st.integers(10, 60)
WINS = st.sampled_from([0, 0, 1, 7, 25, 100, 333]) | st.integers(0, 500)
ONE_CALL_WINS = st.none() | WINS
LATE_IDS = st.sampled_from(["gs:late-1", "gs:late-2", "gs:late-3"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["bet", "bet", "bet", "part", "named", "undo", "undo", "hours"]), st.integers(0, 120)),
    max_size=9,
)
DELAYS = st.sampled_from([0, 0, 0, 1, HOUR_MS, 23 * HOUR_MS, 25 * HOUR_MS, 49 * HOUR_MS, 73 * HOUR_MS])
PLAYS = st.lists(
    st.tuples(
        st.sampled_from(["spin", "spin", "open", "add", "add", "free", "free open", "report"]), GAMES, STAKES, WINS
    ),
    min_size=2,
    max_size=8,
)


class RoundSteps(GrantSteps):
    """Rules send commands; what they must answer, and what must hold, `ComparedPlayer.send` knows."""

    @property
    def last_id(self) -> str:
        """The id of the command that was sent last."""
        return f"gs:{self.keys}"

    def session(self, pick: int) -> str:
        """Mostly an open round, sometimes any round or none."""
        rounds = self.player.ledger.wallet.rounds
        sessions = [r.id for r in self.player.ledger.wallet.open_rounds()] if pick % 8 else [*rounds, "p1-9999"]
        assume(sessions)
        return sessions[pick % len(sessions)]

    def accepted(self, pick: int) -> str:
        """The newest are picked most."""
        order = self.player.ledger.order
        return order[-1 - (pick % 10 if pick % 4 else pick) % len(order)]

    # --- rounds

    @rule(
        campaign_id=st.none() | OFFER_IDS,
        game_id=GAMES,
        stake=STAKES,
        steps=STEPS,
        end=st.sampled_from(["result", "result", "named", "cancel", "leave", "leave"]),
    )
    def play_a_round(
        self, campaign_id: str | None, game_id: str, stake: int, steps: list[tuple[str, int]], end: str
    ) -> None:
        if campaign_id is not None:
            self.send(GrantCampaign(campaign_id, "because"))
        opened = self.send(Spin(game_id, "real", stake))
        if not isinstance(opened, RoundAnswer):
            return
        bets = [self.last_id]
        for what, number in steps:
            self._step(opened.session_id, bets, what, number)
        if end == "cancel":
            self.send(CancelRound(opened.session_id))
        elif end != "leave":
            self.send(Result(opened.session_id, stake % 50, settles=bets[-1] if end == "named" else None))

    def _step(self, session_id: str, bets: list[str], what: str, number: int) -> None:
        """`bets` are all that the round has had."""
        if what == "hours":
            self.player.now += number % 13 * HOUR_MS
        elif what == "undo":
            self.send(Rollback(bets[number % len(bets)]))
        elif what == "bet":
            self.send(AddBet(session_id, number))
            bets.append(self.last_id)
        else:
            named = bets[number % len(bets)] if what == "named" else None
            self.send(Result(session_id, number, final=False, settles=named))

    @rule(
        pick=PICK,
        win=WINS,
        final=st.sampled_from([True, True, False]),
        settles=st.sampled_from(["", "", "one of its bets", "one of its bets", "anything", "nothing"]),
    )
    def result(self, pick: int, win: int, final: bool, settles: str) -> None:
        session_id = self.session(pick)
        round_ = self.player.ledger.wallet.rounds.get(session_id)
        named = {"anything": self.accepted(pick), "nothing": "gs:none"}.get(settles)
        if settles == "one of its bets" and round_ is not None:
            bets = [*round_.bets, *round_.undone]
            named = bets[pick % len(bets)].command_id
        self.send(Result(session_id, win, final, named))

    # --- undoing

    @rule(pick=PICK, among=st.sampled_from(["remembered", "remembered", "all", "anything"]), wait_ms=DELAYS)
    def roll_back(self, pick: int, among: str, wait_ms: int) -> None:
        """Mostly one of the last bets, sometimes one that nobody remembers, or what is no bet at all."""
        ledger = self.player.ledger
        order = ledger.remembered() if among == "remembered" else ledger.order
        bets = [key for key in order if isinstance(ledger.accepted[key].body, BETS)]
        named = bets[-1 - pick % len(bets)] if bets and among != "anything" else self.accepted(pick)
        self.player.now += wait_ms
        self.send(Rollback(named))

    @rule(campaign_id=st.none() | OFFER_IDS, plays=PLAYS, order=st.randoms(use_true_random=False), wait_ms=DELAYS)
    def undo_everything(
        self, campaign_id: str | None, plays: list[tuple[str, str, int, int]], order: Random, wait_ms: int
    ) -> None:
        """Bets without results, undone in whatever order, leave what was there before, unless time has ended something.

        A win that was played on can only be undone after what it was played on for.
        """
        if campaign_id is not None:
            self.send(GrantCampaign(campaign_id, "because"))
        self.player.run_due()
        before, ended = self.player.owned(), self.player.ledger.over()
        bets: list[str] = []
        for play in plays:
            if not isinstance(self._play(bets, *play), str):
                bets.append(self.last_id)
        self.player.now += wait_ms
        order.shuffle(bets)
        while bets:
            refused = [bet for bet in bets if self.send(Rollback(bet)) == "win_already_spent"]
            if self.player.ledger.over() != ended:
                return
            assert refused != bets, f"{bets} can't be undone in any order"
            bets = refused
        after = self.player.owned()
        assert after == before, [(after[name], was) for name, was in before.items() if after[name] != was]

    def _play(self, bets: list[str], what: str, game_id: str, amount: int, win: int) -> object:
        """Bets are added to rounds that were opened by one of `bets`."""
        if what == "report":
            return self.send(ReportBet(amount, TYPES[game_id]))
        if what == "add":
            rounds = self.player.ledger.wallet.open_rounds()
            opened = [round_.id for round_ in rounds if round_.bets[0].command_id in bets]
            return self.send(AddBet(opened[amount % len(opened)], amount)) if opened else "no round"
        free, one_call = what.startswith("free"), not what.endswith("open")
        return self.send(
            Spin(game_id, "freespin" if free else "real", None if free else amount, win % 150 if one_call else None)
        )

    @rule(
        game_id=GAMES,
        bet=STAKES,
        win=ONE_CALL_WINS,
        wait_hours=st.sampled_from([0, 0, 1, 20, 26, 80]),
        trims=st.sampled_from([False, False, True]),
    )
    @precondition(lambda self: self.keys < 300)
    def roll_back_what_is_not_remembered(
        self, game_id: str, bet: int, win: int | None, wait_hours: int, trims: bool
    ) -> None:
        """It is looked for in the journal, which may reach that far back or not (rules §3, rollback)."""
        placed = self.send(Spin(game_id, "real", bet, win))
        bet_id = self.last_id
        if isinstance(placed, RoundAnswer) and win is None and bet % 2:
            self.send(Result(placed.session_id, 7))
        if trims:
            self.player.trim_journal()
        self.keep_busy(129, wait_hours * HOUR_MS // 129)
        self.send(Rollback(bet_id))
        self.send(Rollback(bet_id))

    @rule(pick=PICK)
    def clear_a_flag(self, pick: int) -> None:
        """Each flag is cleared once; some that never were."""
        flags = [flag_id(flag) for flag in self.player.ledger.flagged] or ["f0"]
        flag = flags[pick % len(flags)]
        self.send(ClearFlag(flag if pick % 5 else "f0123456789abcdef", "paid by hand"))
        if pick % 3 == 0:
            self.send(ClearFlag(flag, "twice"))

    @rule(game_id=GAMES, bet=STAKES, win=WINS, free=st.booleans())
    def one_call_undone_at_once_restores_money(self, game_id: str, bet: int, win: int, free: bool) -> None:
        self.player.run_due()
        before = self.player.money_by_wallet()
        body = Spin(game_id, "freespin" if free else "real", None if free else bet, win)
        if isinstance(self.send(body), str):
            return
        undone = self.send(Rollback(self.last_id))
        assert isinstance(undone, str) or self.player.money_by_wallet() == before

    @rule(command_id=LATE_IDS)
    def roll_back_what_has_not_come(self, command_id: str) -> None:
        self.send(Rollback(command_id))

    @rule(command_id=LATE_IDS, bet=STAKES, win=ONE_CALL_WINS)
    def late_bet(self, command_id: str, bet: int, win: int | None) -> None:
        self.send(Spin("wheel", "real", bet, win), command_id)

    @rule(command_id=LATE_IDS)
    def late_report(self, command_id: str) -> None:
        self.send(RollbackReportedBet(command_id))
        self.send(ReportBet(10, "live"), command_id)

    @rule(pick=PICK, body=st.sampled_from([None, None, Spin("book", "real", 12, 3), Rollback("gs:late-1")]))
    def repeat(self, pick: int, body: CommandBody | None) -> None:
        """The same command again under its id, or another one."""
        command_id = self.accepted(pick)
        self.send(body or self.player.ledger.accepted[command_id].body, command_id)

    @rule(count=st.sampled_from([20, 128, 140]), wait_ms=st.sampled_from([0, 0, 1, 14 * 60_000]))
    @precondition(lambda self: self.keys < 300 and self.keys % 3 == 0)
    def keep_busy(self, count: int, wait_ms: int) -> None:
        for _ in range(count):
            self.player.now += wait_ms
            self.send(Register("EUR"))

    @rule()
    def trim_the_journal(self) -> None:
        self.player.trim_journal()
