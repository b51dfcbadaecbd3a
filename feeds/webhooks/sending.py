"""One attempt: a signed POST, and what came of it. Nothing of the endpoint's answer is believed but its status."""

import asyncio
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

import aiohttp
import msgspec

from feeds.webhooks.addresses import AddressGuard, AddressRefused
from feeds.webhooks.settings import EndpointSettings
from feeds.webhooks.signing import Signer

ANSWER_BYTES_MAX: Final = 4_096
"""How much of an answer is read. The rest is dropped with its connection."""
ANSWER_HEADER_BYTES_MAX: Final = 8_190
GONE: Final = 410
SLOW_DOWN: Final = frozenset({429, 503})
NOT_ITS_FAULT: Final = frozenset({401, 403, 404, 408, 425, 429})
"""Refusals that tell of the endpoint as a whole, not of the message."""


class Posted(Protocol):
    """What is posted: an id by which the receiver knows what comes twice, and a body."""

    @property
    def id(self) -> str:
        """The same for each attempt."""

    def body(self) -> bytes:
        """JSON."""


Outcome = Literal["delivered", "failed", "refused"]


class Attempt(msgspec.Struct, frozen=True):
    """What came of an attempt. `status` is 0 if there was no answer; `ms`: how long it took; `why`: what went wrong.

    `retry_after_ms`: how long the endpoint asks to be left alone.
    """

    outcome: Outcome
    status: int
    ms: int
    why: str = ""
    retry_after_ms: int = 0

    @property
    def blames_message(self) -> bool:
        """Whether the endpoint answers, but refuses this message."""
        return 400 <= self.status < 500 and self.status not in NOT_ITS_FAULT and self.status != GONE


class Sender:
    """Posts to one endpoint. Belongs to one event loop; `now_ms` is real time (Unix ms)."""

    def __init__(self, settings: EndpointSettings, signer: Signer, now_ms: Callable[[], int]) -> None:
        self._settings, self._signer, self._now_ms = settings, signer, now_ms
        self._secure = urlsplit(settings.url).scheme == "https"
        guard = AddressGuard(settings.networks)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=settings.connections, socket_factory=guard.socket, use_dns_cache=False
            ),
            timeout=aiohttp.ClientTimeout(total=settings.timeout_ms / 1_000),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=ANSWER_HEADER_BYTES_MAX,
            max_field_size=ANSWER_HEADER_BYTES_MAX,
            headers={"content-type": "application/json", "user-agent": "croupier-webhooks/1"},
        )

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()

    async def send(self, message: Posted, headers: dict[str, str] | None = None) -> Attempt:
        """One attempt; failures are answered, never raised."""
        began = time.monotonic()
        try:
            status, wait_ms = await self._post(message, headers or {})
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as problem:
            refused = _refused(problem)
            return Attempt("refused" if refused else "failed", 0, _ms_since(began), refused or _words(problem))
        if 200 <= status < 300:
            return Attempt("delivered", status, _ms_since(began))
        if 300 <= status < 400:
            return Attempt("failed", status, _ms_since(began), f"it answered {status}; redirects are not followed")
        return Attempt("failed", status, _ms_since(began), f"it answered {status}", wait_ms)

    async def _post(self, message: Posted, headers: dict[str, str]) -> tuple[int, int]:
        """Status, and how long the endpoint asks to wait (ms)."""
        body = message.body()
        signed = self._signer.headers(message.id, self._now_ms() // 1_000, body)
        posting = self._session.post(
            self._settings.url, data=body, headers={**headers, **signed}, allow_redirects=False
        )
        async with posting as response:
            await _skim(response)
            said = response.headers.get("retry-after", "") if response.status in SLOW_DOWN else ""
            return response.status, retry_after_ms(said, self._now_ms())


async def _skim(response: aiohttp.ClientResponse) -> None:
    """Reads an answer to its end, so that the connection can be used again; a long one is cut off."""
    left = ANSWER_BYTES_MAX
    while left > 0 and not response.content.at_eof():
        left -= len(await response.content.read(left))
    if not response.content.at_eof():
        response.close()


def retry_after_ms(said: str, now_ms: int) -> int:
    """What a `Retry-After` asks for, in seconds or as a date; 0 if it can't be read."""
    if said.isascii() and said.isdigit():
        return int(said[:9]) * 1_000
    try:
        return max(0, int(parsedate_to_datetime(said).timestamp() * 1_000) - now_ms)
    except (ValueError, TypeError, OverflowError):
        return 0


def _refused(problem: Exception) -> str:
    cause: BaseException | None = problem
    while cause is not None and not isinstance(cause, AddressRefused):
        cause = getattr(cause, "os_error", None) or cause.__cause__
    return "" if cause is None else str(cause)


def _words(problem: Exception) -> str:
    if isinstance(problem, asyncio.TimeoutError):
        return "no answer in time"
    return f"{type(problem).__name__}: {problem}"[:300]


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1_000)
