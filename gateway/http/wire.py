"""Raw ASGI: headers, bodies and answers as bytes, with their limits. Used by the hot path and around FastAPI alike."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple

import msgspec

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]
HeaderMap = Mapping[bytes, bytes]

_SENT_AS = "croupier.sent_as"
"""Where in the ASGI scope of a HEAD request its own method is."""
JSON_HEADER = (b"content-type", b"application/json")
PROBLEM_HEADER = (b"content-type", b"application/problem+json")
SINGLE = (
    b"x-api-key",
    b"x-request-timestamp",
    b"x-request-sign",
    b"authorization",
    b"idempotency-key",
    b"content-type",
)
"""Headers whose repetition would leave open which one counts."""


_encode = msgspec.json.Encoder().encode


class HttpRequest(NamedTuple):
    """A whole request, as it was sent. `target` is `path?query`; `headers` are by lower-case name."""

    method: str
    target: bytes
    query: bytes
    headers: HeaderMap
    body: bytes


class Reply(NamedTuple):
    """A whole answer as bytes; `headers` without content-length."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """A whole answer before it is encoded: a document of the API, or a problem document; `headers` beyond its type."""

    status: int
    document: msgspec.Struct | Mapping[str, Any]
    headers: Headers = ()

    def reply(self) -> Reply:
        """As JSON."""
        kind = JSON_HEADER if self.status < 400 else PROBLEM_HEADER
        return Reply(self.status, _encode(self.document), [kind, *self.headers])


class BodyTooLarge(Exception):
    """More bytes than allowed; the rest has not been read."""


class Disconnected(Exception):
    """The caller went away before its body was complete."""


async def send_reply(send: Send, reply: Reply) -> None:
    """Sends the answer in two messages, with its length."""
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def repeated_header(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """The first of `SINGLE` that occurs more than once."""
    names = [name for name, _ in headers]
    return next((name for name in SINGLE if names.count(name) > 1), None)


def has_body(headers: HeaderMap) -> bool:
    """Whether the caller announced a body; if not, nothing needs to be read."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


async def read_body(headers: HeaderMap, receive: Receive, bytes_max: int) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as it is known to exceed `bytes_max`, announced or not."""
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and (len(announced) > 18 or int(announced) > bytes_max):
        raise BodyTooLarge
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > bytes_max:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def is_json(headers: HeaderMap) -> bool:
    """Whether the content type is `application/json`, parameters aside."""
    return _content_type(headers) == b"application/json"


def is_form(headers: HeaderMap) -> bool:
    """Whether the content type is `multipart/form-data`, parameters aside."""
    return _content_type(headers) == b"multipart/form-data"


def _content_type(headers: HeaderMap) -> bytes:
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


def head_as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """A HEAD request as the GET that it asks about: same route, same headers, no body. What was signed stays HEAD."""

    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return {**scope, "method": "GET", _SENT_AS: "HEAD"}, send_head


def sent_method(scope: Scope) -> str:
    """The method as sent, which is what callers sign."""
    method: str = scope.get(_SENT_AS) or scope["method"]
    return method


def target(scope: Scope) -> bytes:
    """`path?query` as sent, which is what callers sign."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path
