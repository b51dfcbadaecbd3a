"""Withdrawals: reserve, confirm, cancel, and the bonuses they take away (rules §9). They work for blocked players."""

import msgspec

from engine.catalog import Catalog
from engine.commands import CancelWithdrawal, Command, ConfirmWithdrawal, Withdraw
from engine.deciding.declaring import decides
from engine.events import (
    AnyEvent,
    FreeSpinsCancelled,
    GrantActivated,
    GrantCancelled,
    WithdrawalCancelled,
    WithdrawalConfirmed,
    WithdrawalRequested,
)
from engine.holdings import balance, find_grant, find_package, queue_place, withdrawable
from engine.loyalty.privileges import privileges_of
from engine.rejections import (
    BONUS_WOULD_BE_LOST,
    INSUFFICIENT_FUNDS,
    INVALID_STATE,
    ROUND_OPEN,
    WITHDRAWAL_NOT_FOUND,
    Rejection,
    full,
)
from engine.state import OPEN_WITHDRAWALS_MAX, FreeSpinPackage, Grant, Player, PlayerState, Withdrawal
from engine.transition import Decision

REASON = "withdrawal"
"""Why a confirmed withdrawal cancels grants and free spins."""


@decides(Withdraw)
def withdraw(player: Player, catalog: Catalog, command: Command, body: Withdraw) -> Decision:
    """Reserves real money and freezes at once what its confirmation removes (rules §9).

    Refuses with `round_open`, `overloaded`, `bonus_would_be_lost`, then `insufficient_funds`.
    """
    state = player.state
    grants, packages = _at_stake(state)
    refusal = _in_a_round(state, grants, packages) or _too_many(state)
    if refusal is not None:
        return refusal
    unused = [package for package in packages if package.remaining]
    if (grants or unused) and not body.forfeit_bonuses:
        return _would_be_lost(grants, unused)
    if body.amount > withdrawable(state):
        return _insufficient(state, body.amount, command.time_ms)
    if not (grants or unused):
        packages = []
    return [
        WithdrawalRequested(
            f"w{state.version + 1}",
            body.amount,
            tuple(grant.grant_id for grant in grants),
            tuple(package.package_id for package in packages),
            privileges_of(catalog, state).withdrawal,
        )
    ]


def _at_stake(state: PlayerState) -> tuple[list[Grant], list[FreeSpinPackage]]:
    """Granted bonuses and packages with `cancel_on_withdrawal`. Used up packages, too: a rollback may refill them.

    A grant that still waits for opt-in or approval holds no money yet and stays.
    """
    grants = [g for g in state.grants if g.state != "initiated" and g.terms.cancel_on_withdrawal]
    packages = [p for p in state.packages if p.winnings_terms.cancel_on_withdrawal]
    return grants, packages


def _in_a_round(state: PlayerState, grants: list[Grant], packages: list[FreeSpinPackage]) -> Rejection | None:
    """`round_open` while a round has staked their money, reduced their wagering, or used their spins (rules §4, §9)."""
    grant_ids, package_ids = {g.grant_id for g in grants}, {p.package_id for p in packages}
    for round_ in state.rounds.values():
        if round_.package_id in package_ids or any(round_.ties(grant_id) for grant_id in grant_ids):
            return Rejection(
                ROUND_OPEN,
                f"Round {round_.session_id} plays with a bonus that the withdrawal would cancel: settle it first.",
                {"session_id": round_.session_id},
            )
    return None


def _too_many(state: PlayerState) -> Rejection | None:
    opened = sum(1 for withdrawal in state.withdrawals.values() if withdrawal.state == "reserved")
    if opened < OPEN_WITHDRAWALS_MAX:
        return None
    return full(f"The player has {OPEN_WITHDRAWALS_MAX} open withdrawals: confirm or cancel some first.")


def _would_be_lost(grants: list[Grant], unused: list[FreeSpinPackage]) -> Rejection:
    money, spins = sum(grant.balance for grant in grants), sum(package.remaining for package in unused)
    return Rejection(
        BONUS_WOULD_BE_LOST,
        f"The withdrawal would take {money} of bonus money and {spins} free spins away: to agree, set forfeit_bonuses.",
        {
            "grants": [{"grant_id": grant.grant_id, "balance": grant.balance} for grant in grants],
            "free_spins": [{"package_id": p.package_id, "remaining": p.remaining} for p in unused],
        },
    )


def _insufficient(state: PlayerState, amount: int, time_ms: int) -> Rejection:
    return Rejection(
        INSUFFICIENT_FUNDS,
        f"A withdrawal of {amount} is more than the {withdrawable(state)} that can be withdrawn.",
        {"balance": msgspec.structs.asdict(balance(state, time_ms))},
    )


@decides(ConfirmWithdrawal)
def confirm(player: Player, catalog: Catalog, command: Command, body: ConfirmWithdrawal) -> Decision:
    """The money leaves. The bonuses that were frozen for it, and are still there, are removed (rules §9)."""
    withdrawal = _reserved(player.state, body.withdrawal_id)
    if isinstance(withdrawal, Rejection):
        return withdrawal
    events = _removals(player.state, withdrawal)
    events.append(WithdrawalConfirmed(withdrawal.withdrawal_id, withdrawal.amount))
    return events


def _removals(state: PlayerState, withdrawal: Withdrawal) -> list[AnyEvent]:
    events: list[AnyEvent] = []
    for grant_id in withdrawal.grants:
        grant = find_grant(state, grant_id)
        if grant is not None and grant.frozen:
            events.append(GrantCancelled(grant_id, grant.campaign_id, grant.balance, REASON))
    for package_id in withdrawal.packages:
        package = find_package(state, package_id)
        if package is not None and package.remaining:
            events.append(FreeSpinsCancelled(package_id, package.campaign_id, package.remaining, REASON))
    return events


@decides(CancelWithdrawal)
def cancel(player: Player, catalog: Catalog, command: Command, body: CancelWithdrawal) -> Decision:
    """The money is usable again, and so are the bonuses that no other open withdrawal has frozen (rules §9).

    A grant that comes back in front of the one in wager takes its turn.
    """
    withdrawal = _reserved(player.state, body.withdrawal_id)
    if isinstance(withdrawal, Rejection):
        return withdrawal
    events: list[AnyEvent] = [WithdrawalCancelled(withdrawal.withdrawal_id, withdrawal.amount)]
    first = _comes_before_the_wagered(player.state, withdrawal)
    if first is not None:
        events.append(GrantActivated(first.grant_id))
    return events


def _comes_before_the_wagered(state: PlayerState, withdrawal: Withdrawal) -> Grant | None:
    """The first of the grants that the withdrawal gives back, if it was granted earlier than the one in wager.

    Who is in wager must not depend on who was frozen for a while (rules §2.5, §4).
    """
    wagered = next((grant for grant in state.grants if grant.state == "in_wager"), None)
    returning = (g for g in state.grants if g.frozen == 1 and g.held is None and g.grant_id in withdrawal.grants)
    first = min(returning, key=queue_place, default=None)
    if wagered is None or first is None or queue_place(wagered) < queue_place(first):
        return None
    return first


def _reserved(state: PlayerState, withdrawal_id: str) -> Withdrawal | Rejection:
    withdrawal = state.withdrawals.get(withdrawal_id)
    if withdrawal is None:
        return Rejection(WITHDRAWAL_NOT_FOUND, f"Player {state.player_id} has no withdrawal {withdrawal_id}.")
    if withdrawal.state != "reserved":
        return Rejection(INVALID_STATE, f"Withdrawal {withdrawal_id} is {withdrawal.state} already.")
    return withdrawal
