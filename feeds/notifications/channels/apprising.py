"""SMS, push and all other channels by Apprise, whose calls block: each channel has a bounded pool of threads."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import quote

from actors.routing.breaker import Breaker
from feeds.credentials import CredentialMissing
from feeds.notifications.channels.channel import Sent
from feeds.notifications.settings import ChannelSettings
from feeds.notifications.words.wording import Wording
from feeds.reading import SinkFailed

TO: Final = "{to}"
SAMPLE_ADDRESS: Final = "15550100123"
ADDRESSES_MAX: Final = 8


class AppriseChannel:
    """Implements `Channel`. An attempt that has begun may have reached the player, so there is never a second one."""

    once = True

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.breaker = Breaker(name)
        self._settings = settings
        self._url = _url(name, settings)
        self._apprise = _library(name)
        if not self._target([SAMPLE_ADDRESS]):
            raise SinkFailed(f"notices: Apprise knows no service for the url of channel {name}")
        self._threads = ThreadPoolExecutor(settings.threads, f"notices-{name}")
        self._free = asyncio.Semaphore(settings.threads)

    def usable(self, addresses: Sequence[str]) -> tuple[str, ...]:
        """Those without spaces and control characters."""
        return tuple(each for each in addresses if each.isprintable() and " " not in each)[:ADDRESSES_MAX]

    async def send(self, addresses: Sequence[str], wording: Wording, message_id: str) -> Sent:
        """See Channel. Without an answer in time it is `failed`; its thread stays taken until the library gives up."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await self._free.acquire()
        except TimeoutError:
            self.breaker.failed("all its threads wait for answers")
            return Sent("later", "all threads wait for answers")
        except asyncio.CancelledError:
            self.breaker.gave_up()
            raise
        return await self._attempt(addresses, wording)

    async def _attempt(self, addresses: Sequence[str], wording: Wording) -> Sent:
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self._threads, self._notify, list(addresses), wording)
        call.add_done_callback(self._freed)
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                went = await asyncio.shield(call)
        except TimeoutError:
            return self._failed("no answer in time")
        except asyncio.CancelledError:
            self.breaker.gave_up()
            raise
        except Exception as problem:
            return self._failed(type(problem).__name__)
        if not went:
            return self._failed("the service did not take it")
        self.breaker.succeeded()
        return Sent("sent")

    async def close(self) -> None:
        """See Channel. Threads that still wait end with their calls."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _failed(self, why: str) -> Sent:
        self.breaker.failed(why)
        return Sent("failed", why)

    def _freed(self, call: "asyncio.Future[bool]") -> None:
        self._free.release()
        if not call.cancelled():
            call.exception()

    def _notify(self, addresses: list[str], wording: Wording) -> bool:
        target = self._target(addresses)
        return bool(target and target.notify(body=wording.text, title=wording.subject, body_format="text"))

    def _target(self, addresses: Sequence[str]) -> Any:
        """An Apprise object with one service for each address. It is false if the library can't read a URL."""
        target = self._apprise.Apprise()
        for address in addresses:
            if not target.add(self._url.replace(TO, quote(address, safe=""))):
                return None
        return target


def _url(name: str, settings: ChannelSettings) -> str:
    try:
        url = settings.url.read()
    except CredentialMissing as missing:
        raise SinkFailed(f"notices: the url of channel {name}: {missing}") from missing
    if TO not in url:
        raise SinkFailed(f"notices: the url of channel {name} must hold {TO} where the player's address goes")
    return url


def _library(name: str) -> Any:
    try:
        import apprise
    except ModuleNotFoundError as missing:
        raise SinkFailed(f"notices: channel {name} needs Apprise: pip install 'croupier[notices]'") from missing
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines name addresses and URLs
    return apprise
