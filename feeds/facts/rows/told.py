"""What an entry tells beside its events: in its answer the currency, the balance, the level and the round."""

from typing import Any

import msgspec

from engine.answers import RoundAnswer
from engine.transition import Transition


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


class _Tag(msgspec.Struct, array_like=True, frozen=True, gc=False):
    tag: str


class _Round(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="r"):
    """A `RoundAnswer` in which nothing is decoded that isn't needed."""

    session_id: str
    round_id: str | None
    game_id: str
    mode: str
    stage: int
    bet_amount: int
    win_amount: int
    win_reported: int
    remaining_spins: int
    currency: str
    funds_real: int
    funds_bonus: int
    balance: _Wallets
    wagering: msgspec.Raw
    time_ms: int
    reversal: msgspec.Raw = msgspec.Raw(b"\xc0")
    staked: bool = False
    flagged: bool = False
    level: str = ""


class _Deposit(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="deposit"):
    deposit_id: str
    amount: int
    nth: int
    currency: str
    balance: _Wallets


class _Withdrawal(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="withdrawal"):
    withdrawal_id: str
    amount: int
    state: str
    currency: str
    balance: _Wallets


class _Redemption(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="redemption"):
    redemption_id: str
    state: str
    redeemed: int
    amount: int
    currency: str
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


_OTHERS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    kind.__struct_config__.tag: msgspec.msgpack.Decoder(kind)  # type: ignore[misc]
    for kind in (_Deposit, _Withdrawal, _Redemption, _Grant, _GrantState, _Awards, _Rollback, _Level)
}
_tag = msgspec.msgpack.Decoder(_Tag)
_round = msgspec.msgpack.Decoder(_Round)
_ROUND = msgspec.msgpack.encode(RoundAnswer.__struct_config__.tag)
_TAG_WITHIN = 3 + len(_ROUND)
"""The tag follows the array's header, which has one or three bytes."""


def told(transition: Transition) -> Told:
    """What is known of all events of the transition."""
    answer = transition.answer
    if _ROUND in answer[:_TAG_WITHIN]:
        return _of_round(_round.decode(answer))
    decoder = _OTHERS.get(_tag.decode(answer).tag) if answer else None
    if decoder is None:
        return Told()
    known = decoder.decode(answer)
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
