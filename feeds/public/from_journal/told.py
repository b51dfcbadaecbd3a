"""What a transition tells beside its events: its command, and in its answer the currency and the round."""

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


class Told(msgspec.Struct, frozen=True, gc=False):
    """Beside the event. Without a currency or a round these are unknown, as in answers that don't name them."""

    player_id: str
    command_id: str
    currency: str | None = None
    session_id: str | None = None
    game_id: str | None = None
    round_id: str | None = None


_round: Final = msgspec.msgpack.Decoder(RoundBegins)
_OTHERS: Final = decoders((DepositBegins, WithdrawalBegins, RedemptionBegins))


def told(transition: Transition) -> Told:
    """What is known of all events of the transition."""
    answer = transition.answer
    player_id, command_id = transition.player_id, transition.command_id
    if is_round(answer):
        round_ = _round.decode(answer)
        return Told(player_id, command_id, round_.currency, round_.session_id, round_.game_id, round_.round_id)
    known = decoded(answer, _OTHERS)
    return Told(player_id, command_id, None if known is None else known.currency)
