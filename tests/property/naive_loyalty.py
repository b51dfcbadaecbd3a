"""Loyalty computed anew from a history of accepted commands, one UTC day after the other, in the words of rules §8.

Nothing of the engine is used: a `Life` is a function of ladder, history and time.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any

DAY_MS = 86_400_000
MICRO = 1_000_000
_MONDAY_MS = 345_600_000
"""1970-01-05T00:00:00Z."""
WEEKS_KEPT = 8
"""So many weeks that were paid can still be corrected."""


@dataclass(frozen=True)
class Promotion:
    """Points times `times` for players on one of `rungs` (none named: all) while from ≤ t < to."""

    times: Fraction
    from_ms: int
    to_ms: int
    rungs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Ladder:
    """`levels.yaml` as plain facts: `thresholds` in EUR, `cashback` in percent, both from the lowest rung up."""

    thresholds: tuple[int, ...]
    cashback: tuple[Fraction, ...]
    min_cashback: int
    own_threshold: bool
    window_days: int
    grace_days: int
    expire_months: int | None
    points_per_eur: int
    lock_hours: int
    promotions: tuple[Promotion, ...]


FACTORS = {"slot": Fraction(1), "table": Fraction(1, 2), "live": Fraction(3, 2), "exclusive": Fraction(2)}


@dataclass(frozen=True)
class Fact:
    """Something that was accepted at `time_ms`."""

    time_ms: int


@dataclass(frozen=True)
class Bet(Fact):
    """A paid stake: `real` minor units of real money (0: reported from elsewhere), `won` in the same step.

    `stays_open`: its round waits for results; `won` is 0.
    """

    key: str
    game_type: str
    micro_eur: int
    real: int
    won: int = 0
    stays_open: bool = False


@dataclass(frozen=True)
class Won(Fact):
    """A later result of the round of those bets, in real money; the last one settles the round."""

    amount: int
    keys: tuple[str, ...] = ()
    last: bool = True


@dataclass(frozen=True)
class Reversed(Fact):
    """Those bets never were."""

    keys: tuple[str, ...]


@dataclass(frozen=True)
class Forced(Fact):
    rung: int


@dataclass(frozen=True)
class Adjusted(Fact):
    points: int


@dataclass(frozen=True)
class Requested(Fact):
    redemption_id: str
    points: int


@dataclass(frozen=True)
class Answered(Fact):
    """To a redemption: `confirmed`, `cancelled`, or `returned` because what it paid for was never granted."""

    redemption_id: str
    how: str


@dataclass(frozen=True)
class Blocked(Fact):
    blocked: bool


@dataclass
class _Redemption:
    points: int
    expires_ms: int
    state: str = "locked"


@dataclass
class _Placed:
    bet: Bet
    points: int
    era: int
    standing: bool = True


@dataclass
class _Settled:
    """A round that is over, and the real money it was about."""

    time_ms: int
    keys: tuple[str, ...]
    staked: int
    won: int
    standing: bool = True

    @property
    def loss(self) -> int:
        return self.staked - self.won


@dataclass
class Life:
    """Where the history has led to. `changes` are (time, from rung, to rung, reason), `paid` (time, cashback)."""

    ladder: Ladder
    now: int
    rung: int = 0
    since_ms: int = 0
    forced: bool = False
    available: int = 0
    expired: int = 0
    adjusted: int = 0
    blocked: bool = False
    base: int = 0
    era: int = 0
    idle_since_ms: int = 0
    unlocked_ms: int = -1
    bets: dict[str, _Placed] = field(default_factory=dict)
    rounds: list[_Settled] = field(default_factory=list)
    partly_won: dict[str, int] = field(default_factory=dict)
    """What rounds that still go on have won so far, by their first bet."""
    counted: dict[int, int] = field(default_factory=dict)
    """Weeks that were paid for, or that made up for reversals: of which loss."""
    to_take_off: int = 0
    redemptions: dict[str, _Redemption] = field(default_factory=dict)
    weeks_over: set[int] = field(default_factory=set)
    paid: list[tuple[int, int]] = field(default_factory=list)
    changes: list[tuple[int, int, int, str]] = field(default_factory=list)

    # --- what can be seen of it

    def qualifying(self) -> int:
        """Micro-EUR: the threshold set last, and what has been bet since."""
        return self.base + sum(p.bet.micro_eur for p in self.bets.values() if p.standing and p.era == self.era)

    def rolling(self) -> int:
        """Micro-EUR of the window's UTC days, today included."""
        after = self.now // DAY_MS - self.ladder.window_days
        return sum(p.bet.micro_eur for p in self.bets.values() if p.standing and p.bet.time_ms // DAY_MS > after)

    def cumulative(self) -> int:
        return sum(p.bet.micro_eur for p in self.bets.values() if p.standing)

    def accrued(self) -> int:
        """Micro-points of all bets that stand."""
        return sum(p.points for p in self.bets.values() if p.standing)

    def in_state(self, state: str) -> int:
        """Micro-points of redemptions in that state."""
        return sum(r.points for r in self.redemptions.values() if r.state == state) * MICRO

    # --- one fact after the other

    def take(self, fact: Fact) -> None:
        """Lives until the fact, then takes it in."""
        self.live_until(fact.time_ms)
        _TAKE[type(fact)](self, fact)

    def _bet(self, bet: Bet) -> None:
        points = int(bet.micro_eur * FACTORS[bet.game_type] * self._promoted())
        self.bets[bet.key] = _Placed(bet, points, self.era)
        self.available += points
        if not bet.stays_open:
            self.rounds.append(_Settled(self.now, (bet.key,), bet.real, bet.won))
        self.idle_since_ms = self.now
        while self._supports(self.rung + 1):
            self._move(self.rung + 1, "play")

    def _promoted(self) -> Fraction:
        running = (p for p in self.ladder.promotions if p.from_ms <= self.now < p.to_ms)
        return max((p.times for p in running if not p.rungs or self.rung in p.rungs), default=Fraction(1))

    def _supports(self, rung: int) -> bool:
        thresholds = self.ladder.thresholds
        return rung < len(thresholds) and self.qualifying() >= thresholds[rung] * MICRO

    def _move(self, rung: int, reason: str) -> None:
        self.changes.append((self.now, self.rung, rung, reason))
        self.rung, self.since_ms, self.forced = rung, self.now, reason == "forced"
        if reason in ("forced", "downgrade"):
            self.base, self.era = self.ladder.thresholds[rung] * MICRO, self.era + 1

    def _reversed(self, fact: Reversed) -> None:
        for key in fact.keys:
            self.bets[key].standing = False
            self.available -= self.bets[key].points
            for settled in self.rounds:
                if settled.keys == (key,):
                    self._undo(settled)
        while not self.forced and not self._supports(self.rung):
            self._move(self.rung - 1, "reversal")

    def _undo(self, settled: _Settled) -> None:
        """Its week may have been paid: then the loss comes off the next ones, once."""
        settled.standing = False
        week = _week_of(settled.time_ms)
        paid_for = self.counted.get(week, 0)
        off = max(0, min(paid_for, settled.loss))
        self.to_take_off += off
        if paid_for:
            self.counted[week] = paid_for - off

    def _won(self, fact: Won) -> None:
        won = self.partly_won.pop(fact.keys[0], 0) + fact.amount
        if fact.last:
            staked = sum(self.bets[key].bet.real for key in fact.keys if self.bets[key].standing)
            self.rounds.append(_Settled(self.now, fact.keys, staked, won))
        else:
            self.partly_won[fact.keys[0]] = won

    def _forced(self, fact: Forced) -> None:
        self._move(fact.rung, "forced")

    def _blocked(self, fact: Blocked) -> None:
        self.blocked = fact.blocked

    def _adjusted(self, fact: Adjusted) -> None:
        self.adjusted += fact.points * MICRO
        self.available += fact.points * MICRO
        if fact.points > 0:
            self.idle_since_ms = self.now

    def _unlocked(self, points: int) -> None:
        self.available += points * MICRO
        self.unlocked_ms = self.now

    def _requested(self, fact: Requested) -> None:
        expires_ms = self.now + self.ladder.lock_hours * 3_600_000
        self.redemptions[fact.redemption_id] = _Redemption(fact.points, expires_ms)
        self.available -= fact.points * MICRO

    def _answered(self, fact: Answered) -> None:
        redemption = self.redemptions[fact.redemption_id]
        redemption.state = fact.how
        if fact.how != "confirmed":
            self._unlocked(redemption.points)

    # --- days and what they bring

    def live_until(self, time_ms: int) -> None:
        """Every midnight and every lock that runs out, each at its own time."""
        midnights = range(-(-self.now // DAY_MS) * DAY_MS, time_ms + 1, DAY_MS)
        lapses = {r.expires_ms for r in self.redemptions.values() if r.state == "locked" and r.expires_ms <= time_ms}
        for moment in sorted({*midnights, *lapses}):
            self.now = moment
            if moment % DAY_MS == 0:
                self._week_over()
            self._lapse()
            if moment % DAY_MS == 0:
                self._sweep()
                self._expire()
        self.now = time_ms

    def _lapse(self) -> None:
        for redemption in self.redemptions.values():
            if redemption.state == "locked" and redemption.expires_ms <= self.now:
                redemption.state = "lapsed"
                self._unlocked(redemption.points)

    def _week_over(self) -> None:
        week = _week_of(self.now - 1)
        if (self.now - _MONDAY_MS) % (7 * DAY_MS) or week in self.weeks_over:
            return
        self.weeks_over.add(week)
        lost = sum(each.loss for each in self.rounds if each.standing and _week_of(each.time_ms) == week)
        if self.blocked or self._cashback(lost) < self.ladder.min_cashback:
            return
        made_up = min(lost, self.to_take_off)
        self.to_take_off -= made_up
        amount = self._cashback(lost - made_up)
        pays = amount >= self.ladder.min_cashback
        self.counted[week] = lost if pays else made_up
        for forgotten in sorted(self.counted)[:-WEEKS_KEPT]:
            del self.counted[forgotten]
        if pays:
            self.paid.append((self.now, amount))

    def _cashback(self, lost: int) -> int:
        return int(max(0, lost) * self.ladder.cashback[self.rung] / 100)

    def _sweep(self) -> None:
        if self.rung == 0 or self.now // DAY_MS == self.since_ms // DAY_MS:
            return
        compared = self.rung if self.ladder.own_threshold else self.rung - 1
        held = self.now - self.since_ms >= self.ladder.grace_days * DAY_MS
        if held and self.rolling() < self.ladder.thresholds[compared] * MICRO:
            self._move(self.rung - 1, "downgrade")

    def _expire(self) -> None:
        """A midnight at which points came back by themselves is too early for them."""
        months = self.ladder.expire_months
        if months is None or self.available < MICRO or self.unlocked_ms == self.now:
            return
        if self.now >= months_after(self.idle_since_ms, months):
            gone = self.available // MICRO * MICRO
            self.expired += gone
            self.available -= gone


def _week_of(time_ms: int) -> int:
    return (time_ms - _MONDAY_MS) // (7 * DAY_MS)


@lru_cache(maxsize=4_096)
def months_after(time_ms: int, months: int) -> int:
    """The same day and time so many calendar months later, or the last day of a month that is too short."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    year, month = at.year + (at.month - 1 + months) // 12, (at.month - 1 + months) % 12 + 1
    later = at.replace(year=year, month=month, day=min(at.day, monthrange(year, month)[1]))
    return (later - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def lived(ladder: Ladder, born_ms: int, history: Iterable[Fact], until_ms: int) -> Life:
    """The life of that history until then, from its first day."""
    life = Life(ladder, born_ms, since_ms=born_ms, idle_since_ms=born_ms)
    for fact in history:
        life.take(fact)
    life.live_until(until_ms)
    return life


_TAKE: dict[type[Fact], Any] = {
    Bet: Life._bet,
    Won: Life._won,
    Reversed: Life._reversed,
    Forced: Life._forced,
    Adjusted: Life._adjusted,
    Requested: Life._requested,
    Answered: Life._answered,
    Blocked: Life._blocked,
}
