"""What a naive wallet holds: grants, packages, rounds, bets. Ended ones stay and say so; amounts in minor units."""

from dataclasses import dataclass, field

from tests.property.offers import Offer, Terms
from tests.property.wiring import STANDARD, Wiring

LIVE = ("granted", "in_wager")
"""States in which a grant's money is in the bonus wallet."""


@dataclass
class Grant:
    """A bonus bucket. `voids` counts standing bets over `max_bet` under the policy `cancel`.

    While it is initiated `valid_to` is its lapse. `stakes` are those that counted, for `min_average_bet`.
    """

    id: str
    terms: Terms
    valid_to: int
    amount: int = 0
    balance: int = 0
    remaining: int = 0
    total: int = 0
    package: str | None = None
    state: str = "granted"
    voids: int = 0
    released: int = 0
    removed: int = 0
    frozen: bool = False
    campaign: str = ""
    path: Wiring = STANDARD
    reasons: tuple[str, ...] = ()
    held: bool = False
    stakes: list[int] = field(default_factory=list)
    awaits_claim: bool = False
    awaits_approval: bool = False
    never_granted: bool = False

    @property
    def average_ok(self) -> bool:
        """Whether the mean counted stake is high enough; with nothing counted it is."""
        asked = self.terms.min_average_bet
        return asked is None or not self.stakes or sum(self.stakes) >= asked * len(self.stakes)


@dataclass
class Package:
    """`left` spins; `grant` takes the winnings. `campaign_end` bounds winnings without `valid_days`."""

    id: str
    offer: Offer
    left: int
    valid_to: int
    won: int = 0
    grant: str | None = None
    expired: bool = False
    frozen: bool = False
    campaign: str = ""


@dataclass
class Bet:
    command_id: str
    amount: int
    real: int = 0
    bonus: int = 0
    grant: str | None = None
    counted: int = 0
    void: bool = False


@dataclass
class Round:
    """`state`: open, closed, cancelled. `result_ids`: commands that credited something to it.

    `timed_out`: `refund` or `close`, if its time-out ended it.
    """

    id: str
    game: str
    mode: str
    bets: list[Bet]
    package: str | None = None
    one_call: bool = False
    state: str = "open"
    result_ids: list[str] = field(default_factory=list)
    won_real: int = 0
    won_bonus: int = 0
    won_grant: str | None = None
    wager_added: int = 0
    reported: int = 0
    opened: int = 0
    flagged: bool = False
    timed_out: str | None = None

    @property
    def stake(self) -> int:
        return sum(bet.amount for bet in self.bets)
