"""What a command needs to know beyond its player: looked up or reserved beforehand by the shard, and passed in.

Only this player's mailbox waits meanwhile. The engine decides on these facts and on nothing else.
"""

from typing import Literal, final

import msgspec

from engine.switches import SwitchedOff

ReservationRefusal = Literal["budget_exhausted", "per_ip", "per_device", "max_bonus_per_ip"]


class Signals(msgspec.Struct, frozen=True, array_like=True):
    """Where a session or deposit came from. `country` is where the player claims to be."""

    ip: str | None = None
    device: str | None = None
    payment_instrument: str | None = None
    country: str | None = None


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """How many *other* players used the same signal within the fraud window."""

    ip: int = 0
    device: int = 0
    payment_instrument: int = 0


class Reservation(msgspec.Struct, frozen=True, array_like=True):
    """One campaign's answer from the shared limits: reserved under `reservation_id`, or refused for `refusals`."""

    campaign_id: str
    reservation_id: str
    refusals: tuple[ReservationRefusal, ...] = ()


class PastBet(msgspec.Struct, frozen=True, array_like=True):
    """A command that is no longer remembered, found in the player's journalled history (rules §3, rollback).

    `answer` is its first answer, encoded. `round_answer` is the newest answer about the same round, perhaps the same
    one.
    """

    answer: bytes
    round_answer: bytes


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """All facts of one command."""

    ip_country: str | None = None
    """The country of the command's IP, by the geo database; None if unknown."""
    seen: Seen = Seen()
    reservations: tuple[Reservation, ...] = ()
    past_bet: PastBet | None = None
    """The bet that a rollback names, if it had to be looked for in the journal and was found there."""
    off: SwitchedOff | None = None
    """What operators have switched off; None: nothing."""


NO_FACTS = Facts()


class WantedAward(msgspec.Struct, frozen=True, array_like=True):
    """A campaign that matches and has shared limits to be reserved.

    `value_micro_eur` is bonus money after the multiplier plus the face value of free spins; `bonus_micro_eur` is the
    bonus money alone. A limit that is None doesn't apply.
    """

    campaign_id: str
    reservation_id: str
    value_micro_eur: int
    bonus_micro_eur: int
    budget_micro_eur: int | None
    per_ip: int | None
    per_device: int | None


@final
class Needs(msgspec.Struct, frozen=True, array_like=True):
    """What must be looked up before the command can be decided."""

    signals: Signals
    look_up: bool
    """Whether the signals have to be looked up: they are recorded, and other players with the same ones are counted."""
    awards: tuple[WantedAward, ...] = ()
    past_bet: str | None = None
    """The id of a command to be looked for in the player's journalled history."""
