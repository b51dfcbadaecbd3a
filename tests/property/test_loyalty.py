"""Loyalty over hundreds of days against a naive re-computation: level and points are functions of the history alone."""

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from engine.commands import (
    AddBet,
    AdjustPoints,
    ApproveGrant,
    Block,
    CancelRedemption,
    CancelRound,
    CommandBody,
    ConfirmRedemption,
    DeclineGrant,
    ForceLevel,
    ReportBet,
    RequestRedemption,
    Result,
    Rollback,
    RollbackReportedBet,
    Spin,
    Unblock,
)
from engine.due import next_due_ms
from engine.facts import NO_FACTS, Facts, Seen
from engine.state import OPEN_REDEMPTIONS_MAX, Grant
from tests.property.loyalty_house import MAX_RUNGS, MIN_POINTS, STEP, ladders, micro_eur, name_of, worth
from tests.property.loyalty_pair import Pair
from tests.property.naive_loyalty import (
    DAY_MS,
    MICRO,
    Adjusted,
    Answered,
    Bet,
    Blocked,
    Fact,
    Forced,
    Ladder,
    Requested,
    Reversed,
    Won,
    months_after,
)

TYPES = {"book": "slot", "dice": "table", "wheel": "live", "vault": "exclusive"}
GAMES = st.sampled_from(sorted(TYPES))
HOUR_MS = 3_600_000
STAKES = st.sampled_from([1, 99, 2_000, 10_000, 25_000, 60_000, 100_000, 1_000_000]) | st.integers(1, 200_000)
WINS = st.sampled_from([0, 0, 1, 1_500, 30_000]) | st.integers(0, 150_000)
RUNGS = st.integers(0, MAX_RUNGS - 1)
PICK = st.integers(0, 999)
WAITS = st.sampled_from([0, 1, HOUR_MS, 24 * HOUR_MS]) | st.integers(0, 60 * DAY_MS)
SUSPICIOUS = Facts(seen=Seen(device=1))


@dataclass
class Round:
    """An open round: the ids of its bets, and whether a result was credited."""

    session_id: str
    keys: list[str]
    results: bool = False


class Loyal(RuleBasedStateMachine):
    """One player's years. Rules send commands; `Pair` proves all that a step promises."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: dict[str, Round] = {}
        self.undone: set[str] = set()
        self.closed: set[str] = set()
        self.reported: set[str] = set()
        self.waiting: dict[str, str] = {}

    @initialize(
        ladder=ladders(),
        currency=st.sampled_from(["EUR", "EUR", "SEK", "JPY"]),
        sweep_hours=st.sampled_from([6, 25, 300]),
    )
    def arrive(self, ladder: Ladder, currency: str, sweep_hours: int) -> None:
        self.currency = currency
        self.pair = Pair(ladder, currency, sweep_hours * HOUR_MS)

    def send(self, body: CommandBody, *facts: Fact, known: Facts = NO_FACTS) -> object:
        return self.pair.send(body, *facts, known=known)

    def has(self, kind: type[Fact]) -> bool:
        return any(isinstance(fact, kind) for fact in self.pair.history)

    def bet_of(
        self, game_type: str, stake: int, win: int = 0, elsewhere: bool = False, stays_open: bool = False
    ) -> Bet:
        """The fact that the next command will be."""
        real = 0 if elsewhere else stake
        amount = micro_eur(stake, self.currency)
        return Bet(self.pair.now, self.pair.next_key, game_type, amount, real, win, stays_open)

    # --- play

    @rule(
        game_id=GAMES,
        stakes=st.lists(STAKES, min_size=1, max_size=3),
        win=WINS,
        undo_after_ms=st.none() | st.sampled_from([0, 20 * HOUR_MS, 7 * DAY_MS, 30 * DAY_MS]),
    )
    def spin(self, game_id: str, stakes: list[int], win: int, undo_after_ms: int | None) -> None:
        """All lose but the last, which may be undone."""
        if game_id in self.rounds:
            return
        for left, stake in zip(reversed(range(len(stakes))), stakes, strict=True):
            won = 0 if left else win
            bet = self.bet_of(TYPES[game_id], stake, won)
            self.send(Spin(game_id, "real", stake, won), bet)
        if undo_after_ms is not None:
            self.pair.wait(self.pair.now + undo_after_ms)
            self._roll_back(bet.key)

    @rule(game_type=st.sampled_from(sorted(TYPES.values())), stake=STAKES)
    def report(self, game_type: str, stake: int) -> None:
        self._report(game_type, stake)

    def _report(self, game_type: str, stake: int) -> None:
        self.reported.add(self.pair.next_key)
        self.send(ReportBet(stake, game_type), self.bet_of(game_type, stake, elsewhere=True))

    @rule(
        game_id=GAMES, stakes=st.lists(STAKES, min_size=1, max_size=3), wins=st.lists(WINS, max_size=2), wait_ms=WAITS
    )
    def play_a_round(self, game_id: str, stakes: list[int], wins: list[int], wait_ms: int) -> None:
        """Over some time. Without a win it stays open."""
        if game_id in self.rounds:
            return
        bet = self.bet_of(TYPES[game_id], stakes[0], stays_open=True)
        answer = self.send(Spin(game_id, "real", stakes[0]), bet)
        self.rounds[game_id] = opened = Round(answer.session_id, [bet.key])  # type: ignore[attr-defined]
        for amount in stakes[1:]:
            self.pair.wait(self.pair.now + wait_ms)
            bet = self.bet_of(TYPES[game_id], amount, stays_open=True)
            opened.keys.append(bet.key)
            self.send(AddBet(opened.session_id, amount), bet)
        for left, win in zip(reversed(range(len(wins))), wins, strict=True):
            self._result(game_id, win, final=not left)

    @rule(pick=PICK, win=WINS, final=st.booleans())
    @precondition(lambda self: self.rounds)
    def result(self, pick: int, win: int, final: bool) -> None:
        self._result(self._open(pick), win, final)

    def _result(self, game_id: str, win: int, final: bool) -> None:
        opened = self.rounds[game_id]
        opened.results = True
        if final:
            del self.rounds[game_id]
        self.closed.update(opened.keys)
        self.send(Result(opened.session_id, win, final), Won(self.pair.now, win, tuple(opened.keys), final))

    def _open(self, pick: int) -> str:
        return [*self.rounds][pick % len(self.rounds)]

    @rule(pick=PICK)
    @precondition(lambda self: self.rounds)
    def cancel(self, pick: int) -> None:
        game_id = self._open(pick)
        opened = self.rounds[game_id]
        undone = self.send(CancelRound(opened.session_id), *self._undo(opened.keys, opened.results))
        assert undone == "round_has_result" if opened.results else not isinstance(undone, str)

    def _undo(self, keys: list[str], refused: bool) -> list[Fact]:
        """The reversal of what stands of them; a refused one changes nothing. Without bets a round is over."""
        standing = tuple(key for key in keys if key not in self.undone)
        if refused or not standing:
            return []
        self.undone.update(standing)
        for opened in self.rounds.values():
            opened.keys = [key for key in opened.keys if key not in standing]
        self.rounds = {game: opened for game, opened in self.rounds.items() if opened.keys}
        return [Reversed(self.pair.now, standing)]

    @rule(pick=PICK)
    @precondition(lambda self: self.has(Bet))
    def roll_back(self, pick: int) -> None:
        """Mostly one of the last bets; it may have been undone before, or have had a result."""
        self.pair.catch_up()
        bets = [fact.key for fact in self.pair.history if isinstance(fact, Bet) and self.pair.remembers(fact.key)]
        if bets:
            self._roll_back(bets[-1 - (pick % 4 if pick % 3 else pick) % len(bets)])

    def _roll_back(self, key: str) -> None:
        """That bet alone: its round goes on while another of its bets stands."""
        body = RollbackReportedBet(key) if key in self.reported else Rollback(key)
        undone = self.send(body, *self._undo([key], key in self.closed))
        assert undone == "round_has_result" if key in self.closed else not isinstance(undone, str)

    # --- by hand

    @rule(rung=RUNGS)
    def force(self, rung: int) -> None:
        known = rung < len(self.pair.ladder.thresholds)
        forced = self.send(ForceLevel(name_of(rung), "because"), *[Forced(self.pair.now, rung)] * known)
        assert known or forced == "level_not_found"

    @rule(points=st.integers(-500, 2_000).filter(bool))
    def adjust(self, points: int) -> None:
        refused = points < 0 and self.pair.life().available + points * MICRO < 0
        adjusted = self.send(AdjustPoints(points, "because"), *[Adjusted(self.pair.now, points)] * (not refused))
        assert (adjusted == "insufficient_points") is refused

    @rule(wait_ms=WAITS)
    @precondition(lambda self: self.pair.keys % 4 == 0)
    def block_for_a_while(self, wait_ms: int) -> None:
        self.send(Block("because"), Blocked(self.pair.now, True))
        self.pair.wait(self.pair.now + wait_ms)
        assert self.send(ReportBet(1_000, "slot")) == "player_blocked"
        self.send(Unblock("because"), Blocked(self.pair.now, False))

    # --- redemption

    @rule(
        points=st.sampled_from([99, 100, 110, 120, 400]) | st.integers(5, 150).map(lambda steps: steps * STEP),
        all_of_them=st.booleans(),
        then=st.sampled_from(["", "", "confirm", "suspicious", "declined", "cancel"]),
        wait_ms=st.sampled_from([0, 0, HOUR_MS, HOUR_MS - 1, 30 * HOUR_MS]),
        on_the_eve=st.sampled_from([None, None, HOUR_MS, 1]),
    )
    def redeem(self, points: int, all_of_them: bool, then: str, wait_ms: int, on_the_eve: int | None) -> None:
        """Perhaps so short before all points expire that the lock outlasts them."""
        if on_the_eve is not None and self.pair.ladder.expire_months is not None:
            idle_ms = months_after(self.pair.life().idle_since_ms, self.pair.ladder.expire_months)
            self.pair.wait(max(self.pair.now, -(-idle_ms // DAY_MS) * DAY_MS - on_the_eve))
        self.pair.catch_up()
        points = max(1, self.pair.life().available // MICRO // STEP * STEP) if all_of_them else points
        refusal = self._refusal(points)
        redemption_id = f"r{self.pair.lazy.state.version + 1}"
        fact = Requested(self.pair.now, redemption_id, points)
        answer = self.send(RequestRedemption(points), *[fact] * (refusal is None))
        assert (answer if isinstance(answer, str) else None) == refusal
        if then and refusal is None:
            self.pair.wait(self.pair.now + wait_ms)
            self._end(redemption_id, "suspicious" if then == "declined" else then)
        if then == "declined" and self.waiting:
            self.pair.wait(self.pair.now + 2 * HOUR_MS)
            self._judge([*self.waiting][-1], approve=False)

    def _refusal(self, points: int) -> str | None:
        life = self.pair.life()
        if points < MIN_POINTS or points % STEP or not worth(self.pair.ladder, points, self.currency):
            return "invalid_redemption"
        if sum(1 for redemption in life.redemptions.values() if redemption.state == "locked") == OPEN_REDEMPTIONS_MAX:
            return "overloaded"
        return "insufficient_points" if points * MICRO > life.available else None

    @rule(off_by=st.sampled_from([-1, 0]), stake=STAKES)
    def bet_at_the_edge_of_a_promotion(self, off_by: int, stake: int) -> None:
        edges = [edge for each in self.pair.ladder.promotions for edge in (each.from_ms, each.to_ms)]
        to_come = [edge for edge in edges if edge > self.pair.now]
        if to_come:
            self.pair.wait(min(to_come) + off_by)
            self._report("slot", stake)

    @rule(pick=PICK, then=st.sampled_from(["confirm", "suspicious", "cancel"]))
    @precondition(lambda self: self.has(Requested))
    def end_a_redemption(self, pick: int, then: str) -> None:
        """Mostly a locked one."""
        every = self.pair.life().redemptions
        locked = [key for key, redemption in every.items() if redemption.state == "locked"]
        known = locked if locked and pick % 5 else [*every]
        self._end(known[-1 - pick % len(known)], then)

    def _end(self, redemption_id: str, then: str) -> None:
        """Accepted while it is locked. What a suspicious one pays waits for an operator: he may still decline."""
        redemption = self.pair.life().redemptions[redemption_id]
        how = "cancelled" if then == "cancel" else "confirmed"
        body = CancelRedemption(redemption_id) if then == "cancel" else ConfirmRedemption(redemption_id)
        facts = [Answered(self.pair.now, redemption_id, how)] * (redemption.state == "locked")
        answer = self.send(body, *facts, known=SUSPICIOUS if then == "suspicious" else NO_FACTS)
        assert bool(facts) != (answer in ("invalid_state", "redemption_not_found"))
        if facts and how == "confirmed":
            assert self.pair.redeemed[redemption_id] == worth(self.pair.ladder, redemption.points, self.currency)
        if facts and then == "suspicious":
            self.waiting |= {g.grant_id: redemption_id for g in self.grants() if g.redemption_id == redemption_id}

    def grants(self) -> list[Grant]:
        return self.pair.lazy.state.grants

    @rule(pick=PICK, approve=st.booleans())
    @precondition(lambda self: self.waiting)
    def judge(self, pick: int, approve: bool) -> None:
        self._judge([*self.waiting][pick % len(self.waiting)], approve)

    def _judge(self, grant_id: str, approve: bool) -> None:
        redemption_id = self.waiting.pop(grant_id)
        if approve:
            self.send(ApproveGrant(grant_id, "because"))
        else:
            returned = Answered(self.pair.now, redemption_id, "returned")
            self.send(DeclineGrant(grant_id, "because"), returned)

    # --- time

    @rule(wait_ms=WAITS)
    def wait(self, wait_ms: int) -> None:
        self.pair.wait(self.pair.now + wait_ms)

    @rule(days=st.integers(0, 45), off_by=st.sampled_from([-1, 0, 0, 1]))
    def wait_for_midnight(self, days: int, off_by: int) -> None:
        self.pair.wait(max(self.pair.now, (self.pair.now // DAY_MS + days) * DAY_MS + off_by))

    @rule(off_by=st.sampled_from([-1, 0, 1]))
    def wait_for_what_is_due(self, off_by: int) -> None:
        due_ms = next_due_ms(self.pair.lazy.state, self.pair.catalog)
        if due_ms is not None and due_ms < self.pair.now + 400 * DAY_MS:
            self.pair.wait(max(self.pair.now, due_ms + off_by))

    @rule(months=st.integers(3, 14))
    def stay_away(self, months: int) -> None:
        self.pair.wait(self.pair.now + months * 30 * DAY_MS)

    @rule()
    def look(self) -> None:
        self.pair.catch_up()

    @rule()
    def restart(self) -> None:
        self.pair.restart()

    def teardown(self) -> None:
        if hasattr(self, "pair"):
            self.pair.end()


Loyal.TestCase.settings = settings(max_examples=3 * settings().max_examples)
TestLoyal = pytest.mark.timeout(7_200)(Loyal.TestCase)
