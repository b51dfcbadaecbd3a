"""Many callers at once, each on a connection of its own, who repeat with the same key until they are answered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from croupier.demo.client import Client, Meter, Request
from tests.support.croupier_up import SIGNERS, CroupierUp

PATIENCE_S = 60
AT_ONCE_MAX = 100
"""Of arrivals, which nobody needs to be simultaneous."""

Answer = tuple[int, dict[str, Any]]


def call(target: str, body: dict[str, Any], key: str, method: str = "POST") -> Request:
    """A request of the platform."""
    return Request(SIGNERS["platform"], method, target, key, msgspec.json.encode(body))


def all_at_once(
    server: CroupierUp, requests: Sequence[Request], answered: Callable[[int], None] = lambda count: None
) -> list[Answer]:
    """Sends every request at the same time, each by its own client; their first answers that are not "not now".

    `answered` is called with the running number of each answer, between that answer and the next.
    """
    return asyncio.run(_all(server, requests, answered, len(requests)))


def one_after_another(server: CroupierUp, requests: Sequence[Request]) -> list[Answer]:
    """As `all_at_once`, a hundred at a time."""
    return asyncio.run(_all(server, requests, lambda count: None, AT_ONCE_MAX))


def asked_until(server: CroupierUp, requests: Sequence[Request], moment: Callable[[], Awaitable[None]]) -> None:
    """Sends every request at the same time, waits for the moment, and then everybody hangs up and never asks again."""
    asyncio.run(_until(server, requests, moment))


async def _until(server: CroupierUp, requests: Sequence[Request], moment: Callable[[], Awaitable[None]]) -> None:
    clients = [Client(server.host, server.port, Meter(), PATIENCE_S) for _ in requests]
    asking = [asyncio.create_task(client.ask(request)) for client, request in zip(clients, requests, strict=True)]
    try:
        await moment()
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        for client in clients:
            client.close()


async def _all(
    server: CroupierUp, requests: Sequence[Request], answered: Callable[[int], None], at_once: int
) -> list[Answer]:
    turn, counted = asyncio.Semaphore(at_once), [0]

    async def ask(request: Request) -> Answer:
        client = Client(server.host, server.port, Meter(), PATIENCE_S)
        try:
            async with turn:
                answer = await client.ask(request)
        finally:
            client.close()
        counted[0] += 1
        answered(counted[0])
        return answer

    return await asyncio.gather(*map(ask, requests))
