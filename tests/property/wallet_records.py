"""What a reference wallet writes down: a book of lines that can be struck out, and the grants, packages and rounds that
read from it. Nothing here is ever added to or taken from a balance: a balance is the sum of the lines that stand.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from tests.property.offers import Offer, Spins, Terms
from tests.property.wiring import STANDARD, Wiring

LIVE = ("granted", "in_wager")
"""States in which a grant's money is in the bonus wallet."""


@dataclass(eq=False)
class Bet:
    """A stake and the funds it was paid with. `grant` is the grant that paid, counted it, or is cancelled by it."""

    command_id: str
    amount: int
    real: int = 0
    bonus: int = 0
    grant: str | None = None
    counted: int = 0
    void: bool = False


class Line(NamedTuple):
    """An amount, and the bet that goes with it: whoever strikes out the bet strikes out the line."""

    amount: int
    bet: Bet | None
    session: str


class Book:
    """All lines of a player, under an account (`player`, or the id of a grant or package) and a kind (`money`, …)."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], list[Line]] = defaultdict(list)

    def enter(self, account: str, kind: str, amount: int, bet: Bet | None = None, session: str = "") -> None:
        if amount:
            self._lines[account, kind].append(Line(amount, bet, session))

    def lines(self, account: str, kind: str) -> list[Line]:
        return self._lines.get((account, kind), [])

    def total(self, account: str, kind: str) -> int:
        return sum(line.amount for line in self.lines(account, kind))

    def strike(self, bet: Bet, spared: str | None = None) -> "Struck":
        """The bet never was, but for what it did to the account `spared`."""
        struck: Struck = {}
        for (account, kind), lines in self._lines.items():
            if account != spared and any(line.bet is bet for line in lines):
                struck[account, kind] = lines
                self._lines[account, kind] = [line for line in lines if line.bet is not bet]
        return struck

    def restore(self, struck: "Struck") -> None:
        self._lines |= struck


Struck = dict[tuple[str, str], list[Line]]


@dataclass
class Grant:
    """A bonus bucket. While it is initiated `valid_to` is its lapse. `pays`: it ended and released what was left."""

    id: str
    terms: Terms
    valid_to: int
    book: Book
    offered: int = 0
    wager: int = 0
    package: str | None = None
    state: str = "granted"
    pays: bool = False
    frozen: bool = False
    campaign: str = ""
    path: Wiring = STANDARD
    reasons: tuple[str, ...] = ()
    held: bool = False
    awaits_claim: bool = False
    awaits_approval: bool = False
    never_granted: bool = False

    @property
    def money(self) -> int:
        """What came in less what was staked, wherever it has gone when the grant ended."""
        return self.book.total(self.id, "money")

    @property
    def balance(self) -> int:
        return self.money if self.state in LIVE else 0

    @property
    def amount(self) -> int:
        """What was given; free spins give what they win."""
        return self.offered + self.book.total(self.id, "winnings")

    @property
    def total(self) -> int:
        """All that is to be wagered."""
        return self.wager + self.book.total(self.id, "winnings' wager")

    @property
    def remaining(self) -> int:
        return max(0, self.total - self.book.total(self.id, "counted"))

    @property
    def voids(self) -> bool:
        """Whether a bet over `max_bet` under the policy `cancel` stands."""
        return bool(self.book.lines(self.id, "void"))

    @property
    def stakes(self) -> tuple[int, int]:
        """The sum of the stakes that counted, and how many they are: a round is one, or each stake is (rules §4)."""
        lines = self.book.lines(self.id, "counted stake")
        rounds = len({line.session for line in lines})
        return sum(line.amount for line in lines), len(lines) if self.terms.max_bet_counts == "stake" else rounds

    @property
    def average_ok(self) -> bool:
        """Whether the mean counted stake is high enough; with nothing counted it is."""
        asked, (total, count) = self.terms.min_average_bet, self.stakes
        return asked is None or not count or Fraction(total, count) >= asked

    @property
    def released(self) -> int:
        """What its end moved to the real wallet: at most `max_cashout`."""
        cap = self.terms.max_cashout
        return 0 if not self.pays else self.money if cap is None else min(cap, self.money)

    @property
    def removed(self) -> int:
        """What its end took away."""
        return 0 if self.state in LIVE else self.money - self.released


@dataclass
class Package:
    """Free spins; `grant` takes the winnings."""

    id: str
    offer: Offer
    valid_to: int
    book: Book
    grant: str | None = None
    expired: bool = False
    frozen: bool = False
    campaign: str = ""

    @property
    def spins(self) -> Spins:
        assert self.offer.spins is not None
        return self.offer.spins

    @property
    def left(self) -> int:
        return 0 if self.expired else self.spins.count - self.book.total(self.id, "spins")

    @property
    def won(self) -> int:
        return self.book.total(self.id, "won")


class Win(NamedTuple):
    """A result: what the game reported, the bet it settles if it names one, and its split between wallet and grant."""

    command_id: str
    reported: int
    settles: str | None = None
    real: int = 0
    bonus: int = 0
    grant: str | None = None


@dataclass
class Round:
    """`state`: open, closed, cancelled. `bets` are those that stand, `undone` those that were rolled back meanwhile.

    `timed_out`: `refund` or `close`, if its time-out ended it.
    """

    id: str
    game: str
    mode: str
    bets: list[Bet]
    package: str | None = None
    one_call: bool = False
    state: str = "open"
    wins: list[Win] = field(default_factory=list)
    undone: list[Bet] = field(default_factory=list)
    opened: int = 0
    flagged: bool = False
    timed_out: str | None = None

    @property
    def stake(self) -> int:
        return sum(bet.amount for bet in self.bets)

    @property
    def won(self) -> int:
        return sum(win.real + win.bonus for win in self.wins)

    def standing(self, command_id: str | None) -> Bet | None:
        return next((bet for bet in self.bets if bet.command_id == command_id), None)

    def settled(self, bet: Bet) -> bool:
        """Whether a result was for that bet, or for the whole round."""
        return any(win.settles in (None, bet.command_id) for win in self.wins)

    def ids(self) -> Iterator[str]:
        """Of all commands that did something to it."""
        yield from (bet.command_id for bet in (*self.bets, *self.undone))
        yield from (win.command_id for win in self.wins)
