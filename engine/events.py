"""Events: what happened to one player, as facts with exact deltas. Applying one can never fail.

Names are the platform's where it has one. They rest in the journal for years: fields are only added at the end, with a
default; tags never change. Amounts are minor units.
"""

import msgspec

from engine.commands import Mode
from engine.state import FreeSpinPackage, Grant, GrantState


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all events."""


class PlayerRegistered(Event, tag="PlayerRegistered"):
    currency: str
    country: str | None
    language: str | None
    segments: tuple[str, ...]


class PlayerUpdated(Event, tag="PlayerUpdated"):
    """The full profile after the update."""

    country: str | None
    language: str | None
    segments: tuple[str, ...]


class PlayerBlocked(Event, tag="PlayerBlocked"):
    reason: str


class PlayerUnblocked(Event, tag="PlayerUnblocked"):
    reason: str


class DepositMade(Event, tag="DepositMade"):
    """The player's `nth` deposit."""

    deposit_id: str
    amount: int
    nth: int
    payment_instrument: str | None = None
    ip: str | None = None
    device: str | None = None


class BetPlaced(Event, tag="BetPlaced"):
    """A stake, split into `real` and `bonus` (01 §2). `opens`: the first bet of its round.

    A free spin has `package_id`, its stake as `amount`, and takes nothing. `voids_grant`: over `max_bet`
    under the policy `cancel`.
    """

    session_id: str
    game_id: str
    mode: Mode
    amount: int
    real: int
    bonus: int
    grant_id: str | None
    counted: int
    opens: bool
    round_id: str | None = None
    package_id: str | None = None
    voids_grant: bool = False


class WinCredited(Event, tag="WinCredited"):
    """`reported` is what the game said; `real` + `bonus` is what was credited (01 §2.4, §5).

    `grant_id` took `bonus`; for free spin winnings its amount grows by `bonus` and its wagering by `wager_added`.
    `closes`: the round ends with this.
    """

    session_id: str
    reported: int
    real: int
    bonus: int
    grant_id: str | None
    wager_added: int
    closes: bool


class GrantDelta(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Signed changes to one grant."""

    grant_id: str
    balance: int
    remaining_wager: int
    amount: int = 0


class RoundReversed(Event, tag="RoundReversed"):
    """All bets of a round undone (cancel or rollback), and in a one-call round the win with them.

    `real` and `grants` are signed deltas; `spins` go back to `package_id` whose total falls by `package_won`;
    `tombstones` are the command ids that from now on answer `rolled_back`.
    """

    session_id: str
    game_id: str
    real: int
    grants: tuple[GrantDelta, ...]
    package_id: str | None
    spins: int
    package_won: int
    tombstones: tuple[str, ...]


class BetTombstoned(Event, tag="BetTombstoned"):
    """A rollback came before its bet: a bet arriving later under `command_id` is refused."""

    command_id: str


class GrantCreated(Event, tag="GrantCreated"):
    """A new grant as it stands, its balance already in the bonus wallet."""

    grant: Grant


class GrantActivated(Event, tag="GrantActivated"):
    """Head of the queue: now in wager."""

    grant_id: str


class BonusRedeemed(Event, tag="BonusRedeemed"):
    """Completed with money: `released` to the real wallet, `removed` above `max_cashout`."""

    grant_id: str
    campaign_id: str
    released: int
    removed: int


class GrantExhausted(Event, tag="GrantExhausted"):
    """Completed by being played down to nothing."""

    grant_id: str
    campaign_id: str


class GrantExpired(Event, tag="GrantExpired"):
    grant_id: str
    campaign_id: str
    removed: int


class GrantCancelled(Event, tag="GrantCancelled"):
    grant_id: str
    campaign_id: str
    removed: int
    reason: str


class GrantReopened(Event, tag="GrantReopened"):
    """A reversal undid the end of a completed grant: `real` (released then) goes back into its `balance`.

    It returns to the queue in `state`; the reversal's own deltas follow in `RoundReversed`.
    """

    grant_id: str
    real: int
    balance: int
    state: GrantState


class FreeSpinsGranted(Event, tag="FreeSpinsGranted"):
    package: FreeSpinPackage


class FreeSpinsExpired(Event, tag="FreeSpinsExpired"):
    """The package's unused spins are lost."""

    package_id: str
    unused: int


AnyEvent = (
    PlayerRegistered
    | PlayerUpdated
    | PlayerBlocked
    | PlayerUnblocked
    | DepositMade
    | BetPlaced
    | WinCredited
    | RoundReversed
    | BetTombstoned
    | GrantCreated
    | GrantActivated
    | BonusRedeemed
    | GrantExhausted
    | GrantExpired
    | GrantCancelled
    | GrantReopened
    | FreeSpinsGranted
    | FreeSpinsExpired
)
