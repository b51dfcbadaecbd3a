"""Deposits and withdrawals. Instrument, IP, device and country of a deposit stay inside."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from feeds.public.data import money as p
from feeds.public.data.base import PublicData
from feeds.public.from_journal.told import Told


def _deposit_made(event: e.DepositMade, told: Told) -> PublicData:
    return p.DepositMade(
        player_id=told.player_id,
        command_id=told.command_id,
        deposit_id=event.deposit_id,
        amount=event.amount,
        nth=event.nth,
        amount_micro_eur=event.micro_eur,
        currency=told.currency,
    )


def _requested(event: e.WithdrawalRequested, told: Told) -> PublicData:
    return p.WithdrawalRequested(
        player_id=told.player_id,
        command_id=told.command_id,
        withdrawal_id=event.withdrawal_id,
        amount=event.amount,
        privilege=event.privilege,
        frozen_grants=event.grants,
        frozen_packages=event.packages,
        currency=told.currency,
    )


def _confirmed(event: e.WithdrawalConfirmed, told: Told) -> PublicData:
    return p.WithdrawalConfirmed(told.player_id, told.command_id, event.withdrawal_id, event.amount, told.currency)


def _cancelled(event: e.WithdrawalCancelled, told: Told) -> PublicData:
    return p.WithdrawalCancelled(told.player_id, told.command_id, event.withdrawal_id, event.amount, told.currency)


MONEY: dict[type[e.Event], Callable[[Any, Told], PublicData]] = {
    e.DepositMade: _deposit_made,
    e.WithdrawalRequested: _requested,
    e.WithdrawalConfirmed: _confirmed,
    e.WithdrawalCancelled: _cancelled,
}
