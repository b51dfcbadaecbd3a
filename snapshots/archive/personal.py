"""Which fields of the journal are personal, and an entry without them.

A field is personal if it tells who a player is or where: addresses, devices, payment instruments, countries, language.
The digest of a command's content is personal with them, because it can be guessed back from the few addresses there
are.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import asdict, replace

from engine import events as e
from engine.answers import Answer, RegisteredAnswer
from engine.remembered import decode_answer
from engine.transition import Transition

PERSONAL_EVENTS: Final[Mapping[type[e.Event], tuple[str, ...]]] = {
    e.PlayerRegistered: ("country", "language"),
    e.PlayerUpdated: ("country", "language"),
    e.DepositMade: ("payment_instrument", "ip", "device", "ip_country"),
    e.SessionStarted: ("ip", "device", "country", "ip_country"),
}
"""By event: its personal fields. None takes their place."""

PERSONAL_ANSWERS: Final[Mapping[type[Answer], tuple[str, ...]]] = {RegisteredAnswer: ("country", "language")}

_TAGS: Final = (b"PlayerErased", *(kind.__name__.encode() for kind in PERSONAL_EVENTS))

_Fact = TypeVar("_Fact", bound=msgspec.Struct)
_NO_CONTENT = bytes(8)
_ENCODER = msgspec.msgpack.Encoder()


def may_matter(encoded: bytes) -> bool:
    """Whether encoded entries may hold personal fields, or erase them: an event's tag is written out in its bytes."""
    return any(tag in encoded for tag in _TAGS)


def without_personal(transition: Transition) -> Transition | None:
    """The transition with its personal fields blanked; None if it has none."""
    events = tuple(_blanked(event, PERSONAL_EVENTS) for event in transition.events)
    answer = decode_answer(transition.answer)
    blanked = _blanked(answer, PERSONAL_ANSWERS)
    if events == transition.events and blanked == answer:
        return None
    return replace(transition, events=events, answer=_ENCODER.encode(blanked), content=_NO_CONTENT)


def _blanked(fact: _Fact, personal: Mapping[type[Any], tuple[str, ...]]) -> _Fact:
    fields = personal.get(type(fact))
    if fields is None:
        return fact
    held = asdict(fact)
    return replace(fact, **{name: None for name in fields if held[name] is not None})
