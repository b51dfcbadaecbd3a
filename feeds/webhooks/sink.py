"""The sink of the reader `webhooks`: hands each public event to the endpoints that want it."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from engine.transition import Transition
from feeds.public.mapping import public_events
from feeds.reading import Followed, Notes, SinkFailed
from feeds.settling import Debt, Settling
from feeds.webhooks.endpoint import Endpoint
from feeds.webhooks.ledger import AT_ONCE_MAX, Ledger
from feeds.webhooks.messages import message_of
from feeds.webhooks.metrics import WebhookMetrics
from feeds.webhooks.operators import Operators
from feeds.webhooks.owed import KINDS, Origin
from feeds.webhooks.replaying import Lookup, Replays
from feeds.webhooks.sending import Sender
from feeds.webhooks.settings import WebhooksSettings
from feeds.webhooks.signing import Signer
from snapshots.codec import decode_entry
from snapshots.contract import Position
from snapshots.errors import CorruptLog

log = logging.getLogger("croupier.webhooks")

COMMITTED_AFTER_S: Final = 30.0
"""Positions that were told so long ago are committed: the reader commits what it is told at once, or fails."""
TOLD_EVERY_S: Final = 5.0


def real_ms() -> int:
    """Real time (Unix ms)."""
    return time.time_ns() // 1_000_000


class WebhooksSink:
    """Implements `feeds.reading.Sink`. `signers` by endpoint."""

    def __init__(
        self,
        settings: WebhooksSettings,
        signers: Mapping[str, Signer],
        notes: Notes,
        metrics: WebhookMetrics,
        now_ms: Callable[[], int] = real_ms,
        lookup: Lookup | None = None,
    ) -> None:
        self._settings, self._signers, self._metrics, self._now_ms = settings, signers, metrics, now_ms
        self._ledger = Ledger(notes)
        self._settling = Settling()
        self._wanted: dict[str, list[Endpoint]] = {}
        self._told: deque[tuple[float, Mapping[str, Position]]] = deque()
        self.endpoints: dict[str, Endpoint] = {}
        self._operators = Operators(self.endpoints, Replays(notes, lookup), now_ms)

    async def open(self) -> None:
        """See Sink."""
        self._ledger.open()
        await self._forget_removed()
        for name, settings in self._settings.endpoints.items():
            endpoint = Endpoint(
                name,
                settings,
                owed_max=self._settings.owed_max(name),
                ledger=self._ledger,
                sender=Sender(settings, self._signers[name], self._now_ms),
                metrics=self._metrics,
                now_ms=self._now_ms,
            )
            self.endpoints[name] = endpoint
            await endpoint.open()
            for event in settings.events:
                self._wanted.setdefault(event, []).append(endpoint)

    async def _forget_removed(self) -> None:
        """Removes the notes of endpoints that are configured no more. Raises StoreError."""
        for key in await self._ledger.pages("endpoint/"):
            name = key.removeprefix("endpoint/")
            if name in self._settings.endpoints:
                continue
            notes = [note for kind in KINDS for note in await self._ledger.pages(f"{kind}/{name}/")]
            log.warning("webhook %s is configured no more: %d notes of what it was owed are dropped", name, len(notes))
            for begin in range(0, len(notes), AT_ONCE_MAX):
                self._ledger.write(dict.fromkeys(notes[begin : begin + AT_ONCE_MAX]))
            self._ledger.write({key: None})
        await self._ledger.flush()

    async def take(self, followed: Followed) -> None:
        """See Sink."""
        self._ledger.check()
        debt = self._settling.begin(followed.shard_id, followed.position)
        origin = Origin(followed.shard_id, followed.position)
        for keyed in followed.entries:
            try:
                transition = decode_entry(keyed)
            except CorruptLog as problem:
                raise SinkFailed(f"webhooks: record {followed.position} can't be read: {problem}") from problem
            await self._tell(transition, origin, debt)
        debt.pay()

    async def _tell(self, transition: Transition, origin: Origin, debt: Debt) -> None:
        happened_ms = transition.real_ms or transition.time_ms
        for event in public_events(transition):
            wanted = self._wanted.get(event.type)
            message = message_of(event) if wanted else None
            for endpoint in wanted or ():
                if message is not None and happened_ms >= endpoint.begin_ms:
                    await endpoint.room()
                    endpoint.offer(message, happened_ms, origin, debt)

    def settled(self) -> Mapping[str, Position]:
        """See Sink."""
        now, settled = time.monotonic(), self._settling.settled()
        if not self._told or now - self._told[-1][0] >= TOLD_EVERY_S:
            self._told.append((now, settled))
        while self._told and now - self._told[0][0] >= COMMITTED_AFTER_S:
            _, committed = self._told.popleft()
            for endpoint in self.endpoints.values():
                endpoint.passed(committed)
        return settled

    async def ask(self, request: bytes) -> bytes:
        """See Sink; `operators` tells what may be asked."""
        self._ledger.check()
        return await self._operators.answer(request)

    async def close(self) -> None:
        """See Sink."""
        await asyncio.gather(*(endpoint.close() for endpoint in self.endpoints.values()))
        await self._ledger.close()
