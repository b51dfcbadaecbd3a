"""CloudEvents 1.0 in Kafka's binary and structured mode: what a message says about the event that it carries.

Binary: attributes are headers `ce_id`, `ce_source` …, and the value is the data. Structured: the value is one JSON
document with the attributes and `data`, and the content type is `application/cloudevents+json`. Attributes nobody here
asks for are passed over.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from engine.identifiers import IDENTIFIER, IDENTIFIER_WORDS
from feeds.bus.incoming.record import Record

STRUCTURED: Final = b"application/cloudevents+json"
JSON: Final = b"application/json"
ID_MAX, SOURCE_MAX = 128, 128
"""Characters."""
_REFERENCE: Final = re.compile(r"[!-~]{1,128}")
_PLAYER: Final = re.compile(IDENTIFIER)
_TIME = msgspec.json.Decoder(Annotated[datetime, Meta(tz=True)])


class EventRefused(Exception):
    """A message that never becomes a command as it is: `code` for programs, and a sentence for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class Envelope(msgspec.Struct, frozen=True):
    """The attributes that matter here. `time_ms` is when it happened (Unix ms); `data` is JSON, not read yet."""

    id: str
    source: str
    type: str
    player_id: str
    time_ms: int
    data: bytes

    @property
    def caller(self) -> str:
        """The client that the command belongs to. Colons of the source are escaped: they part client and key."""
        return "bus:" + self.source.replace("%", "%25").replace(":", "%3A")

    @property
    def command_id(self) -> str:
        """The same for every copy of the event, and for no other event."""
        return f"{self.caller}:{self.id}"


class _Attributes(msgspec.Struct, frozen=True, gc=False):
    """As they are sent; what is required is checked by `_envelope`, so that one sentence names what is missing."""

    specversion: str | None = None
    id: str | None = None
    source: str | None = None
    type: str | None = None
    subject: str | None = None
    time: str | None = None


class _Structured(_Attributes, frozen=True, gc=False):
    data: msgspec.Raw = msgspec.Raw()


_HEADERS: Final = tuple(f"ce_{name}" for name in _Attributes.__struct_fields__)
_structured = msgspec.json.Decoder(_Structured)


def envelope_of(record: Record) -> Envelope:
    """The event's attributes. Raises EventRefused `undecodable` or `invalid_event`."""
    headers = dict(reversed(record.headers))  # of a header that is repeated the first one counts
    content_type = _media_type(headers.get("content-type"))
    if content_type == STRUCTURED:
        return _structured_mode(record.value)
    if headers.get("ce_specversion") is None:
        raise EventRefused("undecodable", "No CloudEvent: there is neither ce_specversion nor a structured document.")
    if content_type not in (JSON, b""):
        raise EventRefused("undecodable", f"The data is {_shown(content_type)}, but only application/json is read.")
    return _envelope(_Attributes(*[_text(headers, name) for name in _HEADERS]), record.value)


def _media_type(header: bytes | None) -> bytes:
    return (header or b"").partition(b";")[0].strip().lower()


def _structured_mode(value: bytes) -> Envelope:
    try:
        document = _structured.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EventRefused("undecodable", f"The structured document can't be read: {error}.") from None
    return _envelope(document, bytes(document.data))


def _text(headers: Mapping[str, bytes | None], name: str) -> str | None:
    value = headers.get(name)
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        raise EventRefused("undecodable", f"The header {name} is no UTF-8.") from None


def _envelope(sent: _Attributes, data: bytes) -> Envelope:
    if sent.specversion != "1.0":
        raise EventRefused("undecodable", f"specversion is {_shown(sent.specversion)}, but only 1.0 is read.")
    return Envelope(
        id=_visible("id", sent.id),
        source=_visible("source", sent.source),
        type=sent.type or "",
        player_id=_player(sent.subject),
        time_ms=_time_ms(sent.time),
        data=data,
    )


def _visible(name: str, value: str | None) -> str:
    if value is None or _REFERENCE.fullmatch(value) is None:
        raise EventRefused("invalid_event", f"{name} is {_shown(value)}: 1 to 128 visible ASCII characters are needed.")
    return value


def _player(subject: str | None) -> str:
    if subject is None or _PLAYER.fullmatch(subject) is None:
        reason = f"subject is {_shown(subject)}: it must be the player's id, {IDENTIFIER_WORDS}."
        raise EventRefused("invalid_event", reason)
    return subject


def _time_ms(text: str | None) -> int:
    try:
        return int(_TIME.decode(msgspec.json.encode(text)).timestamp() * 1_000)
    except (msgspec.DecodeError, ValueError, OverflowError):
        reason = f"time is {_shown(text)}: it must tell when it happened, such as 2026-01-31T12:00:00Z."
        raise EventRefused("invalid_event", reason) from None


def _shown(value: object) -> str:
    """What was sent, short enough for a log line."""
    return "missing" if value is None else repr(value)[:80]
