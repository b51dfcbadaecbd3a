"""Cursors: where a page of a timeline ends, with the balances there, sealed so that nobody can make up another."""

import base64
import binascii
import hmac
from hashlib import sha256
from typing import Final

import msgspec

from feeds.explaining.movements import Movement

_TAG_BYTES: Final = 12
CURSOR_CHARS_MAX: Final = 512


class Place(msgspec.Struct, frozen=True, array_like=True):
    """The next page begins with entry `version`, after which the balances were `after`.

    `day`: its entry lies in a segment of that day (`2026/11/28`) or an earlier one; None: nobody has looked. It never
    changes, however many entries come: what lies behind it is written.
    """

    player_id: str
    version: int
    after: Movement
    day: str | None = None


class CursorInvalid(Exception):
    """The text is no cursor that was given for this player."""


class Cursors:
    """Seals and opens. `secret` is known to all who answer, and to nobody else."""

    def __init__(self, secret: bytes) -> None:
        self._key = sha256(b"croupier history cursor\0" + secret).digest()

    def seal(self, place: Place) -> str:
        """The cursor of a place."""
        body = msgspec.msgpack.encode(place)
        return _text(self._tag(body) + body)

    def open(self, text: str, player_id: str) -> Place:
        """The place. Raises CursorInvalid."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
            if not hmac.compare_digest(tag, self._tag(body)) or _text(raw) != text:
                raise CursorInvalid(text)
            place = _decoder.decode(body)
        except (binascii.Error, ValueError, msgspec.DecodeError):
            raise CursorInvalid(text) from None
        if place.player_id != player_id:
            raise CursorInvalid(text)
        return place

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_TAG_BYTES]


def _text(raw: bytes) -> str:
    """One text for the same bytes: base64 has spare bits at its end, in which others would differ."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


_decoder = msgspec.msgpack.Decoder(Place)
