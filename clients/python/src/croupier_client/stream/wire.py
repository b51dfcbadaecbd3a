"""Messages of the stream, in MessagePack: how calls become one, and what the server's mean."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from croupier_client.reading import UNREADABLE

SUBPROTOCOL: Final = "croupier.spin.v1"
STREAM_PATH: Final = "/spin/stream"
ARRAY_HEAD_BYTES: Final = 5
"""The longest head of an array."""

encode: Final = msgspec.msgpack.Encoder().encode

_AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class ProtocolBroken(Exception):
    """The server sent what is no message of the stream; the connection is of no more use."""


class Hello(msgspec.Struct, frozen=True):
    """The server's first message: how many calls may be under way, and how long a message may be."""

    in_flight_max: _AtLeastOne
    message_bytes_max: _AtLeastOne


class WireAnswer(msgspec.Struct, gc=False):
    """One answer; `body` is the document that HTTP would answer."""

    id: int
    status: int
    body: msgspec.Raw
    retry_after_s: float = 0.0


_hello: Final = msgspec.msgpack.Decoder(Hello).decode
_answers: Final = msgspec.msgpack.Decoder(list[WireAnswer]).decode


def array(items: Sequence[bytes]) -> bytes:
    """One message of calls that are encoded already."""
    count = len(items)
    if count < 16:
        head = bytes((0x90 | count,))
    elif count < 1 << 16:
        head = b"\xdc" + count.to_bytes(2, "big")
    else:
        head = b"\xdd" + count.to_bytes(4, "big")
    return head + b"".join(items)


def read_hello(message: str | bytes) -> Hello:
    """Raises ProtocolBroken."""
    try:
        return _hello(_binary(message))
    except UNREADABLE as error:
        raise ProtocolBroken(f"the first message can't be read ({error})") from error


def read_answers(message: str | bytes) -> list[WireAnswer]:
    """Raises ProtocolBroken, also if there is an answer to nothing: calls encoded here can be read."""
    try:
        return _answers(_binary(message))
    except UNREADABLE as error:
        raise ProtocolBroken(f"a message can't be read ({error})") from error


def _binary(message: str | bytes) -> bytes:
    if isinstance(message, str):
        raise ProtocolBroken("a text message")
    return message
