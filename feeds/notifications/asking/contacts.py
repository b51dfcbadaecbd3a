"""Where and how a player may be told something: asked of the platform when a notice is to be sent."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from feeds.notifications.asking.asked import Asked, NoAnswer

KEPT_S: Final = 300.0
KEPT_MAX: Final = 10_000
ADDRESSES_MAX: Final = 8

Address = Annotated[str, Meta(min_length=1, max_length=512)]


class Contact(msgspec.Struct, frozen=True):
    """What the platform answers; fields that are not known here are passed over.

    `addresses`: by channel, one or several; `consents`: by product and channel, whether the player wants marketing;
    `blocked` and `excluded`: no marketing at all. `currency`: of the player's money (ISO 4217).
    """

    language: Annotated[str, Meta(max_length=35)] = "en"
    time_zone: Annotated[str, Meta(max_length=64)] = ""
    currency: Annotated[str, Meta(max_length=8)] = ""
    addresses: Annotated[
        dict[str, Address | Annotated[tuple[Address, ...], Meta(max_length=ADDRESSES_MAX)]], Meta(max_length=32)
    ] = {}
    consents: Annotated[dict[str, dict[str, bool]], Meta(max_length=64)] = {}
    blocked: bool = False
    excluded: bool = False

    def addresses_of(self, channel: str) -> tuple[str, ...]:
        """All addresses of a channel."""
        found = self.addresses.get(channel, ())
        return (found,) if isinstance(found, str) else found

    def wants(self, product: str, channel: str) -> bool:
        """Whether the player has agreed to marketing of that product by that channel."""
        return self.consents.get(product, {}).get(channel, False)


_decode = msgspec.json.Decoder(Contact).decode


class Contacts:
    """Answers of the platform, kept for five minutes, at most `KEPT_MAX` of them. `clock` is monotonic, in seconds."""

    def __init__(self, pam: Asked, clock: Callable[[], float] = time.monotonic) -> None:
        self._pam, self._clock = pam, clock
        self._kept: OrderedDict[str, tuple[float, Contact | None]] = OrderedDict()

    async def of(self, player_id: str) -> Contact | None:
        """The player's contact; None if the platform knows no such player. Raises NoAnswer."""
        found = self._kept.get(player_id)
        if found is not None and self._clock() - found[0] < KEPT_S:
            return found[1]
        answer = await self._pam.about(player_id, "/players/{id}/contact")
        contact = None if answer is None else _read(answer)
        self._kept[player_id] = (self._clock(), contact)
        self._kept.move_to_end(player_id)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return contact


def _read(answer: bytes) -> Contact:
    """An answer of another form must not be taken for consent, nor for the lack of an address."""
    try:
        return _decode(answer)
    except msgspec.DecodeError as problem:
        where = str(problem).rpartition(" - at ")[2]
        raise NoAnswer(f"the contact that pam answers can't be read: {where[:200]}") from problem
