"""The demo's HTTP client: it signs and sends requests and, like a game server, repeats each with the same key until it
is answered.
"""

import asyncio
import hmac
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec
from httptools import HttpParserError, HttpResponseParser

REQUEST_TIMEOUT_S = 10
ANSWER_TIMEOUT_S = 45
RETRY_PAUSE_S = 0.05
NOT_NOW = (429, 503)


class Unanswered(Exception):
    """A request had no answer for too long."""


class Signer:
    """Makes the signature headers of one API key."""

    def __init__(self, key_id: str, secret: str) -> None:
        self._id, self._secret = key_id, secret.encode()

    def proof(self, method: str, target: str, key: str, body: bytes) -> str:
        """The three headers of a signed request."""
        timestamp = str(int(time.time()))
        message = f"{timestamp}\n{method}\n{target}\n{key}\n".encode() + body
        sign = hmac.digest(self._secret, message, "sha256").hex()
        return f"x-api-key: {self._id}\r\nx-request-timestamp: {timestamp}\r\nx-request-sign: {sign}\r\n"


@dataclass(frozen=True)
class Request:
    """One request. When it is repeated, only the time of its signature differs."""

    signer: Signer
    method: str
    target: str
    key: str = ""
    body: bytes = b""

    def encode(self) -> bytes:
        """The bytes on the wire."""
        head = f"{self.method} {self.target} HTTP/1.1\r\nhost: demo\r\n"
        head += self.signer.proof(self.method, self.target, self.key, self.body)
        head += f"idempotency-key: {self.key}\r\n" if self.key else ""
        if self.body or self.method != "GET":
            head += f"content-type: application/json\r\ncontent-length: {len(self.body)}\r\n"
        return head.encode() + b"\r\n" + self.body


@dataclass
class Meter:
    """What the client has seen. Latencies in seconds, of spins only, retries included."""

    requests: int = 0
    retries: int = 0
    latencies: list[float] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """One keep-alive connection; one request at a time."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._body = bytearray()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is ready to send."""
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the exchange that waits for an answer."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Feeds the parser."""
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self.close()

    def on_body(self, part: bytes) -> None:
        """Part of a body."""
        self._body += part

    def on_message_complete(self) -> None:
        """A whole answer."""
        body, self._body = bytes(self._body), bytearray()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), body))

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. Raises ConnectionError or TimeoutError; after that the connection can't be used any more."""
        if self._transport is None:
            raise ConnectionError("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            return await self._answer

    def close(self) -> None:
        """Hangs up."""
        if self._transport is not None:
            self._transport.close()


class Client:
    """One caller with one connection, opened again when it breaks."""

    def __init__(self, host: str, port: int, meter: Meter, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._host, self._port, self._meter = host, port, meter
        self._answer_timeout_s = answer_timeout_s
        self._connection: Connection | None = None

    async def ask(self, request: Request, timed: bool = False) -> tuple[int, dict[str, Any]]:
        """Status and document of the first answer that is not "not now". Raises Unanswered."""
        began = time.perf_counter()
        while True:
            self._meter.requests += 1
            try:
                status, body = await self._exchange(request)
            except (OSError, TimeoutError):
                self.close()
            else:
                if status not in NOT_NOW:
                    break
            if time.perf_counter() - began > self._answer_timeout_s:
                raise Unanswered(f"{request.method} {request.target} has no answer after {self._answer_timeout_s} s")
            self._meter.retries += 1
            await asyncio.sleep(RETRY_PAUSE_S)
        if timed:
            self._meter.latencies.append(time.perf_counter() - began)
        return status, msgspec.json.decode(body)

    async def _exchange(self, request: Request) -> tuple[int, bytes]:
        if self._connection is None:
            loop = asyncio.get_running_loop()
            _, self._connection = await loop.create_connection(Connection, self._host, self._port)
        return await self._connection.exchange(request.encode())

    def close(self) -> None:
        """Hangs up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
