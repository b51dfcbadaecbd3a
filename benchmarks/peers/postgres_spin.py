"""P2: a spin is one PL/pgSQL function, so one round trip and one transaction, called through asyncpg.

The pool's connections are taken out once, each with its prepared statement, and handed round here: that costs a tenth
less than the pool's own way of lending them for every call.
"""

import asyncio
from dataclasses import astuple
from pathlib import Path
from typing import Final

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from benchmarks.peers.rules import GAMES, Outcome, Played, Spin, Totals, seeded
from benchmarks.signed import player

SCHEMA: Final = Path(__file__).with_name("spin.sql")
CONNECTIONS: Final = 16
"""Measured with 8, 16 and 32 on two cores: no difference beyond the noise."""
SPIN: Final = "SELECT * FROM spin($1, $2, $3, $4, $5, $6, $7, $8)"
COLUMNS: Final = ("id", "real_money", "bonus_money", "remaining", "free_spins", "number")


class PostgresBackend:
    """Two tables: players, and the ledger that is the memory of answers too."""

    def __init__(self, url: str, players: int) -> None:
        self._url = url
        self._players = players
        self._pool: asyncpg.Pool | None = None
        self._free: asyncio.LifoQueue[PreparedStatement] = asyncio.LifoQueue()

    async def open(self) -> None:
        """Makes the schema in an empty database, copies the players in, and prepares the statement everywhere."""
        self._pool = await asyncpg.create_pool(self._url, min_size=CONNECTIONS, max_size=CONNECTIONS)
        async with self._pool.acquire() as connection:
            await connection.execute(SCHEMA.read_text())
            rows = [(player(number), *astuple(seeded(number))) for number in range(self._players)]
            await connection.copy_records_to_table("player", records=rows, columns=COLUMNS)
            await connection.execute("ANALYZE player")
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await (await self._pool.acquire()).prepare(SPIN))

    async def close(self) -> None:
        """Closes the connections at once: all of them are out of the pool."""
        assert self._pool is not None
        self._pool.terminate()

    async def spin(self, spin: Spin) -> Outcome:
        """Raises what PostgreSQL raises."""
        contribution = GAMES[spin.game_id].contribution
        statement = await self._free.get()
        try:
            row = await statement.fetchrow(
                spin.player_id, spin.command, spin.content, spin.game_id, spin.mode, spin.bet, spin.win, contribution
            )
        finally:
            self._free.put_nowait(statement)
        refusal, *played = row
        return refusal or Played(*played)

    async def totals(self) -> Totals:
        """Two sums, on a connection of its own."""
        connection = await asyncpg.connect(self._url)
        row = await connection.fetchrow(
            "SELECT sum(real_money)::bigint, sum(bonus_money)::bigint, count(*) FILTER (WHERE remaining > 0),"
            " (SELECT count(*) FROM ledger) FROM player"
        )
        await connection.close()
        return Totals(*row)
