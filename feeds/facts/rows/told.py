"""What an entry tells beside its events: in its answer the currency, the balance, the level and the round."""

from typing import Final

import msgspec

from engine.transition import Transition
from feeds.beginnings import (
    DepositBegins,
    RedemptionBegins,
    RoundBegins,
    WithdrawalBegins,
    decoded,
    decoders,
    is_round,
)


class Told(msgspec.Struct, gc=False):
    """Unknown is None. `package_id` is set by the entry's bet for the entry's win."""

    currency: str | None = None
    level: str | None = None
    real_after: int | None = None
    bonus_after: int | None = None
    session_id: str | None = None
    game_id: str | None = None
    round_id: str | None = None
    mode: str | None = None
    package_id: str | None = None


class _Wallets(msgspec.Struct, array_like=True, frozen=True, gc=False):
    real: int
    bonus: int


class _Round(RoundBegins, array_like=True, frozen=True, gc=False, tag="r"):
    """A `RoundAnswer` in which nothing is decoded that isn't needed."""

    funds_real: int
    funds_bonus: int
    balance: _Wallets
    wagering: msgspec.Raw
    time_ms: int
    reversal: msgspec.Raw = msgspec.Raw(b"\xc0")
    staked: bool = False
    flagged: bool = False
    level: str = ""


class _Deposit(DepositBegins, array_like=True, frozen=True, gc=False, tag="deposit"):
    balance: _Wallets


class _Withdrawal(WithdrawalBegins, array_like=True, frozen=True, gc=False, tag="withdrawal"):
    balance: _Wallets


class _Redemption(RedemptionBegins, array_like=True, frozen=True, gc=False, tag="redemption"):
    expires_ms: int
    points: msgspec.Raw
    balance: _Wallets


class _Grant(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="grant"):
    granted: msgspec.Raw
    balance: _Wallets


class _GrantState(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="grant_state"):
    grant_id: str
    campaign_id: str
    state: str
    reasons: msgspec.Raw
    balance: _Wallets


class _Awards(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="awards"):
    balance: _Wallets


class _Rollback(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="rollback"):
    status: str
    kept_grants: msgspec.Raw
    session_id: str | None
    balance: _Wallets | None


class _Level(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="level"):
    old: str
    level: str


_round: Final = msgspec.msgpack.Decoder(_Round)
_OTHERS: Final = decoders((_Deposit, _Withdrawal, _Redemption, _Grant, _GrantState, _Awards, _Rollback, _Level))


def told(transition: Transition) -> Told:
    """What is known of all events of the transition."""
    answer = transition.answer
    if is_round(answer):
        return _of_round(_round.decode(answer))
    known = decoded(answer, _OTHERS)
    if known is None:
        return Told()
    wallets = getattr(known, "balance", None)
    return Told(
        currency=getattr(known, "currency", None),
        level=getattr(known, "level", None) or None,
        real_after=None if wallets is None else wallets.real,
        bonus_after=None if wallets is None else wallets.bonus,
    )


def _of_round(known: _Round) -> Told:
    wallets = known.balance
    return Told(
        currency=known.currency,
        level=known.level or None,
        real_after=wallets.real,
        bonus_after=wallets.bonus,
        session_id=known.session_id,
        game_id=known.game_id,
        round_id=known.round_id,
        mode=known.mode,
    )
