"""P1: a spin is one Redis Function, called through redis.asyncio with hiredis.

The client costs about 100 µs per call, so calls that come together go out as one pipeline: while one pipeline is under
way the next gathers, without a timer. It makes P1 faster under load and costs nothing at one connection.
"""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.peers.rules import GAMES, Account, Outcome, Played, Spin, Totals, seeded
from benchmarks.signed import player

FUNCTION: Final = Path(__file__).with_name("spin.lua")
LEDGER: Final = "ledger"
SEED_BATCH: Final = 1_000
Waiting = tuple[Spin, "asyncio.Future[Any]"]


def arguments(spin: Spin) -> tuple[str | int, ...]:
    """Of `FCALL`: the function, three keys, and what spin.lua lists."""
    keys = (f"player:{spin.player_id}", f"answer:{spin.player_id}:{spin.command}", LEDGER)
    contribution = GAMES[spin.game_id].contribution
    return ("spin", 3, *keys, spin.content, spin.player_id, *spin[2:], contribution)


def _fields(account: Account) -> list[str | int]:
    """Names and values in turn, as HSET takes them."""
    return [part for pair in asdict(account).items() for part in pair]


class RedisBackend:
    """Players as hashes, answers as strings that expire after a day, and one ledger stream."""

    def __init__(self, url: str, players: int) -> None:
        self._redis: Redis = Redis.from_url(url)
        self._players = players
        self._waiting: list[Waiting] = []
        self._sender: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Loads the function and writes the players."""
        await self._redis.function_load(FUNCTION.read_text(), replace=True)
        for first in range(0, self._players, SEED_BATCH):
            async with self._redis.pipeline(transaction=False) as pipeline:
                for number in range(first, min(first + SEED_BATCH, self._players)):
                    pipeline.hset(f"player:{player(number)}", items=_fields(seeded(number)))
                await pipeline.execute()

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    async def spin(self, spin: Spin) -> Outcome:
        """Waits for the pipeline that takes this spin along. Raises what Redis raises."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((spin, future))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())
        found = await future
        return found.decode() if isinstance(found, bytes) else Played(bool(found[0]), *found[1:])

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._pipeline(batch)
        finally:
            self._sender = None

    async def _pipeline(self, batch: list[Waiting]) -> None:
        """One round trip for all; each gets its own answer or failure."""
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for spin, _ in batch:
                    pipeline.execute_command("FCALL", *arguments(spin))
                answers = await pipeline.execute(raise_on_error=False)
        except Exception as failure:
            answers = [failure] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def totals(self) -> Totals:
        """Reads every hash, and the stream's length."""
        real = bonus = wagering = 0
        for first in range(0, self._players, SEED_BATCH):
            async with self._redis.pipeline(transaction=False) as pipeline:
                for number in range(first, min(first + SEED_BATCH, self._players)):
                    pipeline.hmget(f"player:{player(number)}", "real", "bonus", "remaining")
                rows = [[int(value) for value in row] for row in await pipeline.execute()]
            real += sum(row[0] for row in rows)
            bonus += sum(row[1] for row in rows)
            wagering += sum(row[2] > 0 for row in rows)
        return Totals(real, bonus, wagering, await self._redis.xlen(LEDGER))
