"""The naive ledger's pages beside play: withdrawals and bets of other verticals (rules §8, §9)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine import commands as c
from tests.property.offers import MICRO_EUR_PER_CENT
from tests.property.reference_wallet import Refused, Wallet
from tests.property.wallet_records import Bet

Facts = dict[str, Any]


@dataclass
class Withdrawal:
    """`grants` and `packages` are frozen while it is reserved, and removed by its confirmation."""

    amount: int
    grants: tuple[str, ...]
    packages: tuple[str, ...]
    state: str = "reserved"


class AccountPages:
    """Mixed into the ledger."""

    wallet: Wallet
    version: int

    def __init__(self) -> None:
        self.withdrawals: dict[str, Withdrawal] = {}
        self.just_reported: Bet | None = None

    def _startsession(self, command_id: str, body: c.StartSession) -> Callable[[], Facts]:
        return lambda: {"granted": (), "declined": ()}

    def _postevent(self, command_id: str, body: c.PostEvent) -> Callable[[], Facts]:
        return lambda: {"balance": self.wallet.balance()}

    def _reportbet(self, command_id: str, body: c.ReportBet) -> Callable[[], Facts]:
        self.just_reported = Bet(command_id, body.amount)
        self.wallet.play(self.just_reported, body.amount, body.game_type)
        return lambda: {"amount": body.amount, "turnover_micro": body.amount * MICRO_EUR_PER_CENT}

    def _withdraw(self, command_id: str, body: c.Withdraw) -> Callable[[], Facts]:
        wallet = self.wallet
        grants = [grant for grant in wallet.live() if grant.terms.cancel_on_withdrawal]
        packages = [p for p in wallet.packages.values() if not p.expired and p.offer.terms.cancel_on_withdrawal]
        names = {grant.id for grant in grants}
        for round_ in wallet.open_rounds():
            stakes = any(bet.grant in names for bet in round_.bets)
            if stakes or round_.package in [package.id for package in packages]:
                raise Refused("round_open")
        if sum(1 for withdrawal in self.withdrawals.values() if withdrawal.state == "reserved") == 16:
            raise Refused("overloaded")
        lost = bool(grants) or any(package.left for package in packages)
        if lost and not body.forfeit_bonuses:
            raise Refused("bonus_would_be_lost")
        if body.amount > wallet.free():
            raise Refused("insufficient_funds")
        withdrawal_id = f"w{self.version + 1}"
        frozen = tuple(package.id for package in packages) if lost else ()
        self.withdrawals[withdrawal_id] = Withdrawal(body.amount, tuple(grant.id for grant in grants), frozen)
        wallet.reserved += body.amount
        self._refreeze()
        return lambda: self._told(withdrawal_id)

    def _confirmwithdrawal(self, command_id: str, body: c.ConfirmWithdrawal) -> Callable[[], Facts]:
        withdrawal = self._end(body.withdrawal_id, "confirmed")
        self.wallet.withdrawn += withdrawal.amount
        self.wallet.forfeit(withdrawal.grants, withdrawal.packages)
        return lambda: self._told(body.withdrawal_id)

    def _cancelwithdrawal(self, command_id: str, body: c.CancelWithdrawal) -> Callable[[], Facts]:
        self._end(body.withdrawal_id, "cancelled")
        self.wallet.give_the_turn_back()
        return lambda: self._told(body.withdrawal_id)

    def _end(self, withdrawal_id: str, state: str) -> Withdrawal:
        withdrawal = self.withdrawals.get(withdrawal_id)
        ended = [key for key, other in self.withdrawals.items() if other.state != "reserved"]
        if withdrawal is None:
            raise Refused("withdrawal_not_found")
        if withdrawal.state != "reserved":
            raise Refused("invalid_state" if withdrawal_id in ended[-16:] else "withdrawal_not_found")
        withdrawal.state = state
        self.withdrawals[withdrawal_id] = self.withdrawals.pop(withdrawal_id)
        self.wallet.reserved -= withdrawal.amount
        self._refreeze()
        return withdrawal

    def _refreeze(self) -> None:
        reserved = [withdrawal for withdrawal in self.withdrawals.values() if withdrawal.state == "reserved"]
        self.wallet.freeze(
            {grant_id for withdrawal in reserved for grant_id in withdrawal.grants},
            {package_id for withdrawal in reserved for package_id in withdrawal.packages},
        )

    def _told(self, withdrawal_id: str) -> Facts:
        withdrawal = self.withdrawals[withdrawal_id]
        return {
            "withdrawal_id": withdrawal_id,
            "amount": withdrawal.amount,
            "state": withdrawal.state,
            "balance": self.wallet.balance(),
            "grants": withdrawal.grants,
            "packages": withdrawal.packages,
        }
