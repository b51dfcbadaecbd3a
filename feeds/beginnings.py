"""How the answers in the journal's entries begin: what many readers need, at a fraction of what a whole one costs.

A subclass that names further fields, in the order of the answer's own, is decoded as far as it goes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.answers import RoundAnswer


class Tag(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Of any answer."""

    tag: str


class RoundBegins(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="r"):
    """Of a `RoundAnswer`."""

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


class DepositBegins(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="deposit"):
    """Of a deposit's answer."""

    deposit_id: str
    amount: int
    nth: int
    currency: str


class WithdrawalBegins(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="withdrawal"):
    """Of a withdrawal's answer."""

    withdrawal_id: str
    amount: int
    state: str
    currency: str


class RedemptionBegins(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="redemption"):
    """Of a redemption's answer."""

    redemption_id: str
    state: str
    redeemed: int
    amount: int
    currency: str


Decoder = msgspec.msgpack.Decoder[Any]
_tag: Final = msgspec.msgpack.Decoder(Tag)
_ROUND: Final = msgspec.msgpack.encode(RoundAnswer.__struct_config__.tag)
_TAG_WITHIN: Final = 3 + len(_ROUND)
"""The tag follows the array's header, which has one or three bytes."""


def is_round(answer: bytes) -> bool:
    """Whether the encoded answer is a `RoundAnswer`, as almost all are."""
    return _ROUND in answer[:_TAG_WITHIN]


def decoders(kinds: Sequence[Any]) -> Mapping[str, Decoder]:
    """A decoder for each of the structs, by its tag."""
    return {kind.__struct_config__.tag: msgspec.msgpack.Decoder(kind) for kind in kinds}


def decoded(answer: bytes, known: Mapping[str, Decoder]) -> Any:
    """The beginning of the encoded answer; None if there is none, or nothing that knows it."""
    decoder = known.get(_tag.decode(answer).tag) if answer else None
    return None if decoder is None else decoder.decode(answer)
