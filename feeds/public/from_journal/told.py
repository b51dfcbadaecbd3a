"""What a transition tells beside its events: its command, and in its answer the currency and the round."""

from typing import Any

import msgspec

from engine.answers import RoundAnswer
from engine.transition import Transition


class Told(msgspec.Struct, frozen=True, gc=False):
    """Beside the event. Without a currency or a round these are unknown, as in answers that don't name them."""

    player_id: str
    command_id: str
    currency: str | None = None
    session_id: str | None = None
    game_id: str | None = None
    round_id: str | None = None


class _Tag(msgspec.Struct, array_like=True, frozen=True, gc=False):
    tag: str


class _Round(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="r"):
    """The beginning of a `RoundAnswer`: a whole one costs several times as much to decode."""

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


class _Deposit(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="deposit"):
    deposit_id: str
    amount: int
    nth: int
    currency: str


class _Withdrawal(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="withdrawal"):
    withdrawal_id: str
    amount: int
    state: str
    currency: str


class _Redemption(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="redemption"):
    redemption_id: str
    state: str
    redeemed: int
    amount: int
    currency: str


_tag = msgspec.msgpack.Decoder(_Tag)
_round = msgspec.msgpack.Decoder(_Round)
_OTHERS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    "deposit": msgspec.msgpack.Decoder(_Deposit),
    "withdrawal": msgspec.msgpack.Decoder(_Withdrawal),
    "redemption": msgspec.msgpack.Decoder(_Redemption),
}
_ROUND = msgspec.msgpack.encode(RoundAnswer.__struct_config__.tag)
_TAG_WITHIN = 3 + len(_ROUND)
"""The tag follows the array's header, which has one or three bytes."""


def told(transition: Transition) -> Told:
    """What is known of all events of the transition."""
    answer = transition.answer
    player_id, command_id = transition.player_id, transition.command_id
    if _ROUND in answer[:_TAG_WITHIN]:
        round_ = _round.decode(answer)
        return Told(player_id, command_id, round_.currency, round_.session_id, round_.game_id, round_.round_id)
    decoder = _OTHERS.get(_tag.decode(answer).tag) if answer else None
    currency = None if decoder is None else decoder.decode(answer).currency
    return Told(player_id, command_id, currency)
