"""Streams to a fake server, with little patience, and calls on them."""

import asyncio
from typing import Any

from fake_server import Asked, Connected, FakeServer

from croupier_client import AsyncCroupier, RetryPolicy, SpinStream

QUICK = RetryPolicy(deadline_s=5, attempt_timeout_s=2, pause_first_s=0.005, pause_max_s=0.02)
HASTY = RetryPolicy(deadline_s=0.3, attempt_timeout_s=0.1, pause_first_s=0.005, pause_max_s=0.02)
PATIENT = RetryPolicy(deadline_s=0.6, attempt_timeout_s=5, pause_first_s=0.005, pause_max_s=0.02)
"""No attempt ends for want of time, however slow the machine is."""


def stream_to(server: FakeServer, retry: RetryPolicy = QUICK, **options: Any) -> SpinStream:
    return AsyncCroupier(server.url, key_id="game-1", secret="s" * 16, retry=retry).stream(**options)


def spin(stream: SpinStream, player: str = "ada", **more: Any) -> "asyncio.Future[Any]":
    return stream.spin(player, "book-of-dunes", bet=100, **more)


async def ignore(_: Connected, __: list[Asked]) -> None:
    """Never answers."""
