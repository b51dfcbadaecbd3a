"""P2: a spin is one PL/pgSQL function, so one round trip and one transaction, called through asyncpg's pool."""

from dataclasses import astuple
from pathlib import Path
from typing import Final

import asyncpg

from benchmarks.peers.rules import GAMES, Outcome, Played, Spin, Totals, seeded
from benchmarks.signed import player

SCHEMA: Final = Path(__file__).with_name("spin.sql")
CONNECTIONS: Final = 16
"""More made no difference on two cores; fewer cost throughput, because commits are synced in groups."""
SPIN: Final = "SELECT * FROM spin($1, $2, $3, $4, $5, $6, $7, $8)"
COLUMNS: Final = ("id", "real_money", "bonus_money", "remaining", "free_spins", "number")


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that nobody changes the session of, so that its return to the pool needs no round trip."""

    def get_reset_query(self) -> str:
        """Nothing to reset."""
        return ""


class PostgresBackend:
    """Two tables: players, and the ledger that is the memory of answers too."""

    def __init__(self, url: str, players: int) -> None:
        self._url = url
        self._players = players
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Makes the schema in an empty database and copies the players in."""
        pool = await asyncpg.create_pool(
            self._url, min_size=CONNECTIONS, max_size=CONNECTIONS, connection_class=_Connection
        )
        await pool.execute(SCHEMA.read_text())
        rows = [(player(number), *astuple(seeded(number))) for number in range(self._players)]
        await pool.copy_records_to_table("player", records=rows, columns=COLUMNS)
        await pool.execute("ANALYZE player")
        self._pool = pool

    async def close(self) -> None:
        """Closes the connections."""
        await self._opened.close()

    @property
    def _opened(self) -> asyncpg.Pool:
        assert self._pool is not None
        return self._pool

    async def spin(self, spin: Spin) -> Outcome:
        """Raises what PostgreSQL raises."""
        contribution = GAMES[spin.game_id].contribution
        row = await self._opened.fetchrow(
            SPIN, spin.player_id, spin.command, spin.content, spin.game_id, spin.mode, spin.bet, spin.win, contribution
        )
        refusal, *played = row
        return refusal or Played(*played)

    async def totals(self) -> Totals:
        """Two sums."""
        row = await self._opened.fetchrow(
            "SELECT sum(real_money)::bigint, sum(bonus_money)::bigint, count(*) FILTER (WHERE remaining > 0),"
            " (SELECT count(*) FROM ledger) FROM player"
        )
        return Totals(*row)
