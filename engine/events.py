"""Events: what happened to one player, as facts with exact deltas. Applying one can never fail.

Names are the platform's where it has one. They rest in the journal for years: fields are only added at the end, with a
default; tags never change. Amounts are minor units.
"""

import msgspec

from engine.commands import Mode
from engine.state import FreeSpinPackage, Grant, GrantState


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all events."""


class PlayerRegistered(Event, tag="PlayerRegistered", frozen=True):
    currency: str
    country: str | None
    language: str | None
    segments: tuple[str, ...]


class PlayerUpdated(Event, tag="PlayerUpdated", frozen=True):
    """The full profile after the update."""

    country: str | None
    language: str | None
    segments: tuple[str, ...]


class PlayerBlocked(Event, tag="PlayerBlocked", frozen=True):
    reason: str


class PlayerUnblocked(Event, tag="PlayerUnblocked", frozen=True):
    reason: str


class DepositMade(Event, tag="DepositMade", frozen=True):
    """The player's `nth` deposit."""

    deposit_id: str
    amount: int
    nth: int
    payment_instrument: str | None = None
    ip: str | None = None
    device: str | None = None


class BetPlaced(Event, tag="BetPlaced", frozen=True):
    """A stake, split into `real` and `bonus` (rules §2). `opens`: the first bet of its round.

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


class WinCredited(Event, tag="WinCredited", frozen=True):
    """`reported` is what the game said; `real` + `bonus` is what was credited (rules §2.4, §5).

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
    """Signed changes to one grant. `void_bets`: bets over `max_bet` that were to cancel it."""

    grant_id: str
    balance: int
    remaining_wager: int
    amount: int = 0
    wager_total: int = 0
    void_bets: int = 0


class RoundReversed(Event, tag="RoundReversed", frozen=True):
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


class BetTombstoned(Event, tag="BetTombstoned", frozen=True):
    """A rollback came before its bet: a bet arriving later under `command_id` is refused.

    `session_id` is set if the bet had come, and its round been cancelled, before.
    """

    command_id: str
    session_id: str | None = None


class GrantCreated(Event, tag="GrantCreated", frozen=True):
    """A new grant as it stands, its balance already in the bonus wallet.

    `award`: counts as one award of its campaign to the player.
    """

    grant: Grant
    award: bool = True


class GrantActivated(Event, tag="GrantActivated", frozen=True):
    """Head of the queue: now in wager."""

    grant_id: str


class BonusRedeemed(Event, tag="BonusRedeemed", frozen=True):
    """Completed with money: `released` to the real wallet, `removed` above `max_cashout`."""

    grant_id: str
    campaign_id: str
    released: int
    removed: int


class GrantExhausted(Event, tag="GrantExhausted", frozen=True):
    """Completed by being played down to nothing."""

    grant_id: str
    campaign_id: str


class GrantExpired(Event, tag="GrantExpired", frozen=True):
    grant_id: str
    campaign_id: str
    removed: int


class GrantCancelled(Event, tag="GrantCancelled", frozen=True):
    grant_id: str
    campaign_id: str
    removed: int
    reason: str


class GrantReopened(Event, tag="GrantReopened", frozen=True):
    """A reversal undid the end of a grant that play had ended: `real` (released then) goes back into its `balance`.

    It returns to the queue in `state`; the reversal's own deltas follow in `RoundReversed`.
    """

    grant_id: str
    real: int
    balance: int
    state: GrantState


class FreeSpinsGranted(Event, tag="FreeSpinsGranted", frozen=True):
    """A new package. `award`: counts as one award of its campaign; not so beside a bonus of the same award."""

    package: FreeSpinPackage
    award: bool = True


class FreeSpinsExpired(Event, tag="FreeSpinsExpired", frozen=True):
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
