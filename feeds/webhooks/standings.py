"""How an endpoint stands: since when it fails, whether it is disabled. Noted in the store when it changes."""

from collections.abc import Callable
from typing import Final

import msgspec

from feeds.webhooks.ledger import Ledger
from feeds.webhooks.owed import Standing, endpoint_key, standing_decoder
from feeds.webhooks.schedule import GIVEN_UP_MS, MINUTE_MS
from feeds.webhooks.settings import EndpointSettings

NOTED_EVERY_MS: Final = MINUTE_MS
"""How often a success is noted while all goes well."""


class Keeper:
    """The standing of one endpoint. `now_ms`: real time (Unix ms)."""

    def __init__(self, name: str, ledger: Ledger, now_ms: Callable[[], int]) -> None:
        self._name, self._ledger, self._now_ms = name, ledger, now_ms
        self._noted_ms = 0
        self.current = Standing()

    def load(self, noted: bytes | None, settings: EndpointSettings) -> None:
        """Takes over what is noted; a new endpoint begins as its settings say."""
        if noted is not None:
            self.current = standing_decoder.decode(noted)
        else:
            self._set(begin_ms=self._now_ms() if settings.begin == "now" else 0)

    def succeeded(self) -> None:
        """Something was delivered."""
        now = self._now_ms()
        if self.current.failing_since_ms or now - self._noted_ms >= NOTED_EVERY_MS:
            self._set(last_success_ms=now, failing_since_ms=0)
        else:
            self.current = msgspec.structs.replace(self.current, last_success_ms=now)

    def failed(self) -> bool:
        """Something was not delivered; whether nothing was for so long that the endpoint must be disabled."""
        now = self._now_ms()
        if not self.current.failing_since_ms:
            self._set(failing_since_ms=now)
        return now - self.current.failing_since_ms >= GIVEN_UP_MS

    def disable(self, why: str) -> None:
        """It gets nothing any more."""
        self._set(disabled=why, disabled_ms=self._now_ms())

    def enable(self, *, from_now: bool) -> None:
        """It gets something again; `from_now`: nothing that happened before."""
        begin_ms = self._now_ms() if from_now else self.current.begin_ms
        self._set(disabled="", disabled_ms=0, failing_since_ms=0, begin_ms=begin_ms)

    def _set(self, **changes: object) -> None:
        self.current = msgspec.structs.replace(self.current, **changes)
        self._noted_ms = self._now_ms()
        self._ledger.write({endpoint_key(self._name): msgspec.json.encode(self.current)})
