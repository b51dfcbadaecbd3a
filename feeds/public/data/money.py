"""Money that comes and goes: deposits and withdrawals. Instruments, addresses and devices are never told."""

from feeds.public.data.base import Currency, MicroEur, MinorUnits, PublicData


class DepositMade(PublicData, frozen=True):
    """Real money was deposited: the player's `nth` deposit."""

    deposit_id: str
    amount: MinorUnits
    nth: int
    amount_micro_eur: MicroEur
    currency: Currency = None


class WithdrawalRequested(PublicData, frozen=True):
    """Real money is reserved for a withdrawal. The money and bonuses named are frozen until it ends.

    `privilege` is how the player's level is served: `standard` or what the ladder says.
    """

    withdrawal_id: str
    amount: MinorUnits
    privilege: str
    frozen_grants: tuple[str, ...]
    frozen_packages: tuple[str, ...]
    currency: Currency = None


class WithdrawalConfirmed(PublicData, frozen=True):
    """The money has left. What the withdrawal took away is told before: BonusCancelled, FreeSpinsCancelled."""

    withdrawal_id: str
    amount: MinorUnits
    currency: Currency = None


class WithdrawalCancelled(PublicData, frozen=True):
    """The money is usable again, and so is what was frozen for it alone."""

    withdrawal_id: str
    amount: MinorUnits
    currency: Currency = None
