"""Bonuses and free spins. A bonus is named by its `grant_id`, a package of free spins by its `package_id`."""

from feeds.public.data.base import Instant, MinorUnits, PublicData


class BonusInitiated(PublicData, frozen=True):
    """A bonus was awarded, but waits: for the player (`awaits_claim`), for an operator (`awaits_approval`), or both.

    It lapses at `valid_to_ms` unless it is granted before.
    """

    grant_id: str
    campaign_id: str
    amount: MinorUnits
    source: str
    awaits_claim: bool
    awaits_approval: bool
    valid_to_ms: Instant
    reasons: tuple[str, ...]
    deposit_id: str | None = None


class BonusGranted(PublicData, frozen=True):
    """The bonus is in the bonus wallet, to be wagered until `valid_to_ms`.

    The last fields are left out if the bonus was initiated before: BonusInitiated has told them. `source` is the
    trigger, for example `deposit` or `free_spins`; `package_id` is set for winnings of free spins, which begin with an
    amount of 0 and grow with every win.
    """

    grant_id: str
    campaign_id: str
    amount: MinorUnits
    valid_to_ms: Instant
    source: str | None = None
    wager: MinorUnits | None = None
    """How much has to be wagered."""
    deposit_id: str | None = None
    package_id: str | None = None


class BonusDeclined(PublicData, frozen=True):
    """The award was declined, at once (`reasons` of the limits and the fraud rules) or by an operator later."""

    grant_id: str
    campaign_id: str
    reasons: tuple[str, ...]
    amount: MinorUnits | None = None


class BonusClaimed(PublicData, frozen=True):
    """The player has opted in."""

    grant_id: str
    campaign_id: str


class BonusApproved(PublicData, frozen=True):
    """An operator has approved the bonus."""

    grant_id: str
    campaign_id: str
    reason: str


class BonusActivated(PublicData, frozen=True):
    """The bonus is now in wager: it is the one that is played."""

    grant_id: str


class BonusHeld(PublicData, frozen=True):
    """The bonus is wagered, but set aside for an operator."""

    grant_id: str
    campaign_id: str
    reason: str


class BonusHoldLifted(PublicData, frozen=True):
    """A rollback took away the reason of the hold: the bonus is back in the queue, in `state`."""

    grant_id: str
    campaign_id: str
    state: str


class BonusReleased(PublicData, frozen=True):
    """An operator released a bonus that was held; BonusRedeemed or BonusExhausted follows."""

    grant_id: str
    campaign_id: str
    reason: str


class BonusRedeemed(PublicData, frozen=True):
    """The bonus is completed: `released` went to the real wallet, `removed` was above the cash-out limit."""

    grant_id: str
    campaign_id: str
    released: MinorUnits
    removed: MinorUnits


class BonusExhausted(PublicData, frozen=True):
    """The bonus is completed because its money was played down to nothing."""

    grant_id: str
    campaign_id: str


class BonusExpired(PublicData, frozen=True):
    """The bonus's time is over, and `removed` with it. `never_granted`: it lapsed while it was initiated."""

    grant_id: str
    campaign_id: str
    removed: MinorUnits
    never_granted: bool


class BonusCancelled(PublicData, frozen=True):
    """The bonus was given up or taken away, and `removed` with it. `never_granted`: while it was initiated."""

    grant_id: str
    campaign_id: str
    removed: MinorUnits
    reason: str
    never_granted: bool


class BonusReopened(PublicData, frozen=True):
    """A rollback undid the bonus's end: `real` left the real wallet, the bonus holds `balance` again, in `state`.

    It can be wagered until `valid_to_ms` as before. Events of older versions of Croupier lack the last two fields.
    """

    grant_id: str
    real: MinorUnits
    balance: MinorUnits
    state: str
    campaign_id: str | None = None
    valid_to_ms: Instant | None = None


class BonusMoved(PublicData, frozen=True):
    """The campaign's workflow asked to tell that the bonus went from one state to another (its action `emit`)."""

    grant_id: str
    campaign_id: str
    source: str
    target: str


class BonusNotified(PublicData, frozen=True):
    """The campaign's workflow asked to tell the player that the bonus is now `state` (its action `notify`)."""

    grant_id: str
    campaign_id: str
    state: str


class FreeSpinsGranted(PublicData, frozen=True):
    """`count` free spins at a stake of `bet` on `games`, usable from `valid_from_ms` to before `valid_to_ms`."""

    package_id: str
    campaign_id: str
    count: int
    bet: MinorUnits
    games: tuple[str, ...]
    valid_from_ms: Instant
    valid_to_ms: Instant
    max_win: MinorUnits | None = None


class FreeSpinsUsed(PublicData, frozen=True):
    """One free spin of the package was used: the BetPlaced before this, of the same version."""

    package_id: str
    session_id: str
    game_id: str
    bet: MinorUnits


class FreeSpinsExpired(PublicData, frozen=True):
    """The package's `unused` spins are lost."""

    package_id: str
    unused: int


class FreeSpinsCancelled(PublicData, frozen=True):
    """The package's `unused` spins were given up or taken away."""

    package_id: str
    campaign_id: str
    unused: int
    reason: str
