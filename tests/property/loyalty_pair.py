"""The engine's player beside the naive life: all that a step of loyalty promises is proved after every command.

Four players take the same commands: one is in memory and does what is due only before its next command, one is swept
all the time, one is fed with the journal, one continues from a snapshot. They must never differ.
"""

from typing import Any

import msgspec

from engine.answers import AnyAnswer
from engine.catalog import CASHBACK, REDEMPTION
from engine.commands import (
    Command,
    CommandBody,
    Deposit,
    ExpirePoints,
    LapseRedemption,
    PayCashback,
    Register,
    SweepLevel,
)
from engine.due import next_due, next_due_ms
from engine.events import GrantCreated, LevelChanged
from engine.facts import NO_FACTS, Facts
from engine.player import Replayed, execute, query, replay
from engine.queries import GetLoyalty
from engine.rejections import Rejection
from engine.state import Loyalty, Player
from engine.state.window import id_digest
from engine.transition import Transition
from snapshots.codec import decode_batch, decode_entry, decode_snapshot, encode_batch, encode_entry, encode_snapshot
from tests.property.loyalty_house import catalog_of, name_of
from tests.property.naive_loyalty import MICRO, Answered, Fact, Ladder, Life, lived
from tests.support.fact_sums import FactSums
from tests.support.playing import START_MS

SWEEPS_MAX = 1_000
"""More due work than this at once would never end."""
RICH = 10**12
"""So much real money that bonus money is never staked: what redemptions and cashback grant stays out of the way."""
ONCE = (PayCashback, SweepLevel, ExpirePoints, LapseRedemption)
"""Due work of loyalty: asked for again under another id it must be refused."""


class Pair:
    """`history` is what the naive life is computed from; `changes`, `cashback` and `redeemed` are the engine's word."""

    def __init__(self, ladder: Ladder, currency: str, sweep_ms: int) -> None:
        self.ladder, self.catalog, self.sweep_ms = ladder, catalog_of(ladder), sweep_ms
        self.lazy, self.swept, self.shadow, self.resumed = (Player.new("p1") for _ in range(4))
        self.facts = FactSums()
        self.now = START_MS
        self.history: list[Fact] = []
        self._life, self._taken = lived(ladder, START_MS, (), START_MS), 0
        self.changes: list[tuple[int, str, str, str]] = []
        self.cashback: list[tuple[int, int]] = []
        self.redeemed: dict[str | None, int] = {}
        self.keys = 0
        self.send(Register(currency, "FI"))
        self.send(Deposit(RICH))

    @property
    def loyalty(self) -> Loyalty:
        return self.lazy.state.loyalty

    def life(self) -> Life:
        """The naive life until now: it goes on where it was when somebody looked last."""
        for fact in self.history[self._taken :]:
            self._life.take(fact)
        self._taken = len(self.history)
        self._life.live_until(self.now)
        return self._life

    def end(self) -> None:
        """Looking on the way has changed nothing: the same history, lived in one go, ends in the same life."""
        self.catch_up()
        assert lived(self.ladder, START_MS, self.history, self.now) == self.life()

    def remembers(self, key: str) -> bool:
        """Whether the engine can still tell what the bet was: a rollback of an older one leaves a tombstone only."""
        return id_digest(key) in self.lazy.window.recent

    # --- time

    def wait(self, time_ms: int) -> None:
        """Until a moment; one of the players is swept on the way, at its own times."""
        for moment in range(self.now + self.sweep_ms, time_ms, self.sweep_ms):
            self._work(self.swept, moment)
        self.now = max(self.now, time_ms)

    def _work(self, player: Player, until_ms: int) -> list[Transition]:
        """As a shard does: what is due by then, in order, each at its own time."""
        done: list[Transition] = []
        while (due_ms := next_due_ms(player.state, self.catalog)) is not None and due_ms <= until_ms:
            command = next_due(player.state, catalog=self.catalog)
            assert command is not None and command.time_ms == max(due_ms, player.state.time_ms)
            transition = execute(player, self.catalog, command)
            assert isinstance(transition, Transition), f"{command}: {transition}"
            done.append(transition)
            assert len(done) < SWEEPS_MAX, f"{command} is due for ever"
            self._not_twice(player, command, transition)
        return done

    def _not_twice(self, player: Player, command: Command, first: Transition) -> None:
        """A sweep that was interrupted is repeated: nothing moves, whether its id is known or not."""
        before = encode_snapshot(player)
        assert execute(player, self.catalog, command) == Replayed(first.answer)
        if isinstance(command.body, ONCE):
            again = execute(player, self.catalog, Command("due:again", command.time_ms, command.body))
            assert isinstance(again, Rejection), command
        assert encode_snapshot(player) == before

    # --- commands

    def send(self, body: CommandBody, *facts: Fact, known: Facts = NO_FACTS) -> Any:
        """The answer, or the code of the refusal; `facts` are what an accepted command adds to the history."""
        self.catch_up()
        self.keys += 1
        command = Command(f"gs:{self.keys}", self.now, body, known)
        before = encode_snapshot(self.lazy)
        outcome = execute(self.lazy, self.catalog, command)
        assert outcome == execute(self.swept, self.catalog, command)
        if not isinstance(outcome, Transition):
            assert isinstance(outcome, Rejection), command
            assert encode_snapshot(self.lazy) == before, "a refusal changed the player"
            return outcome.code
        self.history += facts
        self._journal(outcome)
        self.catch_up()  # at midnight a command may leave the sweep of this very moment something to do
        return _ANSWERS.decode(outcome.answer)

    @property
    def next_key(self) -> str:
        """The id that the next command will have."""
        return f"gs:{self.keys + 1}"

    def catch_up(self) -> None:
        """All work that is due by now, on all sides."""
        for transition in self._work(self.lazy, self.now):
            self._journal(transition)
        self._work(self.swept, self.now)
        if self.keys:
            self._check()

    def restart(self) -> None:
        """The player is loaded anew, from the state the journal has led to."""
        self.lazy = decode_snapshot(encode_snapshot(self.shadow))
        self.resumed = decode_snapshot(encode_snapshot(self.lazy))

    def _journal(self, transition: Transition) -> None:
        payload = encode_batch([(transition.player_id, transition.version, encode_entry(transition))])
        [keyed] = decode_batch(payload)
        for player in (self.shadow, self.resumed):
            replay(player, decode_entry(keyed))
        self.facts.add(transition, self.shadow.state)
        for event in transition.events:
            if isinstance(event, LevelChanged):
                self.changes.append((transition.time_ms, event.old, event.new, event.reason))
            elif isinstance(event, GrantCreated) and event.grant.campaign_id == CASHBACK:
                self.cashback.append((transition.time_ms, event.grant.amount))
            elif isinstance(event, GrantCreated) and event.grant.campaign_id == REDEMPTION:
                self.redeemed[event.grant.redemption_id] = event.grant.amount

    # --- what must hold

    def _check(self) -> None:
        """Engine and life agree on everything that can be seen; all four players are one."""
        now = encode_snapshot(self.lazy)
        assert encode_snapshot(self.swept) == now, "it matters when the sweep ran"
        assert encode_snapshot(self.shadow) == now, "replayed state differs"
        assert encode_snapshot(self.resumed) == now, "snapshot and tail differ"
        due_ms = next_due_ms(self.lazy.state, self.catalog)
        assert due_ms is None or due_ms >= self.lazy.state.time_ms, "work was due in the past"
        life = self.life()
        self._check_level(life)
        self._check_points(life)
        assert self.cashback == life.paid, f"{self.cashback} != {life.paid}"

    def _check_level(self, life: Life) -> None:
        loyalty = self.loyalty
        changes = [(at, name_of(old), name_of(new), why) for at, old, new, why in life.changes]
        assert self.changes == changes, f"{self.changes} != {changes}"
        standing = (loyalty.level, loyalty.level_since_ms, loyalty.forced, loyalty.qualifying)
        expected = (name_of(life.rung), life.since_ms, life.forced, life.qualifying())
        assert standing == expected, f"{standing} != {expected}"
        view: Any = query(self.lazy, self.catalog, GetLoyalty(), self.now)
        shown = (view.level, view.cumulative_micro, view.qualifying_micro, view.rolling_micro)
        seen = (name_of(life.rung), life.cumulative(), life.qualifying(), life.rolling())
        assert shown == seen, f"{shown} != {seen}"

    def _check_points(self, life: Life) -> None:
        loyalty = self.loyalty
        kept = (loyalty.available, loyalty.locked, loyalty.spent, loyalty.expired)
        expected = (life.available, life.in_state("locked"), life.in_state("confirmed"), life.expired)
        assert kept == expected, f"{kept} != {expected}"
        assert sum(kept) == loyalty.lifetime == life.accrued() + life.adjusted
        self._check_shown_points(life)
        spent = [fact for fact in self.history if isinstance(fact, Answered) and fact.how == "confirmed"]
        assert [*self.redeemed] == [fact.redemption_id for fact in spent]
        points = sum(redemption.points for redemption in life.redemptions.values()) * MICRO
        ended = sum(map(life.in_state, ("cancelled", "lapsed", "returned")))
        assert points - ended == loyalty.locked + loyalty.spent

    def _check_shown_points(self, life: Life) -> None:
        """In whole points, too, the buckets add up to all that was earned and adjusted (rules §8, buckets)."""
        view: Any = query(self.lazy, self.catalog, GetLoyalty(), self.now)
        shown = view.points
        assert shown.available + shown.locked + shown.spent + shown.expired == shown.lifetime
        assert shown.lifetime == (life.accrued() + life.adjusted) // MICRO
        kept = (life.available, life.in_state("locked"), life.in_state("confirmed"), life.expired)
        assert (shown.available, shown.locked, shown.spent, shown.expired) == tuple(each // MICRO for each in kept)


_ANSWERS: msgspec.msgpack.Decoder[AnyAnswer] = msgspec.msgpack.Decoder(AnyAnswer)
