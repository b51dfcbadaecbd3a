"""How tests of webhooks wait, and let time pass."""

import asyncio

from actors.routing.breaker import Breaker
from feeds.webhooks.sink import WebhooksSink
from tests.support.patience import PATIENCE_S
from tests.support.webhook_world import Clock, Journal


async def take(sink: WebhooksSink, journal: Journal) -> None:
    for record in journal.records:
        await sink.take(record)


async def settle(sink: WebhooksSink, journal: Journal) -> None:
    """Waits until all of the journal has left, or is noted."""
    async with asyncio.timeout(PATIENCE_S):
        while sink.settled().get(journal.shard_id) != journal.end:
            await asyncio.sleep(0.01)


async def hurry(sink: WebhooksSink, clock: Clock, seconds: float) -> None:
    clock.advance(seconds)
    for endpoint in sink.endpoints.values():
        endpoint.look()


async def until_rests(sink: WebhooksSink) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while any(endpoint.under_way for endpoint in sink.endpoints.values()):
            await asyncio.sleep(0.005)


def age(breaker: Breaker, seconds: float) -> None:
    """Lets time pass for a breaker that is open."""
    assert breaker._opened_at is not None
    breaker._opened_at -= seconds
