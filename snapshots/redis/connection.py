"""How the Redis store reaches its server: connections, the function library, and what failures mean."""

from hashlib import sha256
from importlib.resources import files
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from snapshots.errors import (
    ControlLogFull,
    FallbackHeld,
    Fenced,
    NotesFull,
    ProposalsFull,
    StillHeld,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    StoreUnsuitable,
    TermHeld,
)
from snapshots.redis.endpoint import Endpoint, endpoint_of
from snapshots.redis.lineage import ASK, OtherLineage, lineage_named, lineage_of
from snapshots.redis.link import Argument, RedisLink
from snapshots.redis.refusals import behind_a_write, failure, unavailable, worded
from snapshots.redis.settings import check_settings, masked

APPEND_TIMEOUT_MS = 1_000
CALL_TIMEOUT_MS = 5_000
CONNECTIONS_MAX = 16
PREFIX = "croupier:"

_OF_A_REPLICA = ("readonly", "masterdown")

_REPLICATED = frozenset(
    (
        "claim", "grant_fallback", "release_slots", "take_term", "take_term_again", "assign", "fence", "put_catalog",
        "commit_catalog", "advance_clock", "journal_logs",
    )
)  # fmt: skip
"""Who owns what, and what is in force: few calls, and a master that had lost one could not be told by its shards. And
how far the logs go: readers pass on what they were told, and a former master may have what no other server will have.
"""

_PARTS = ("functions.lua", "told_again.lua", "readers.lua", "due.lua", "limits.lua", "control_log.lua")
_SOURCE = "".join(files("snapshots.redis").joinpath(name).read_text() for name in _PARTS)
LIBRARY = "croupier_" + sha256(_SOURCE.encode()).hexdigest()[:12]
"""Named by content: two versions of the code never replace each other's functions."""
MARK = f"{LIBRARY}_mark"
"""A write for `WAIT` to count, behind a call that may have written nothing."""
_LIBRARY_SOURCE = _SOURCE.replace("croupier_@HASH@", LIBRARY)


class RedisConnection:
    """A connection to a suitable server; else `StoreUnsuitable`. The parts of `RedisStore` are built on it."""

    def __init__(
        self, url: str, *, append_timeout_ms: int = APPEND_TIMEOUT_MS, call_timeout_ms: int = CALL_TIMEOUT_MS
    ) -> None:
        self._url = url
        self._append_timeout_ms = append_timeout_ms
        self._call_timeout_ms = call_timeout_ms
        self._endpoint = Endpoint({})
        self._client: Redis | None = None
        self._link: RedisLink | None = None
        self._lineage: str | None = None
        """The history that calls of the pool may meet, as `RedisLink.lineage`."""

    async def open(self) -> None:
        """Connects, checks version and settings, loads the functions."""
        name = masked(self._url)
        try:
            self._endpoint = endpoint_of(self._url)
        except ValueError as error:
            raise StoreUnsuitable(f"{name} is not a Redis URL: {error}.") from None
        client = self._new_client()
        try:
            check_settings(name, await client.info(), failover=self._endpoint.sentinels is not None)
            await _load_library(client)
        except (RedisError, OSError) as error:
            await client.aclose()
            raise StoreUnsuitable(f"Redis at {name} can't be used: {str(error).rstrip('.')}.") from None
        except StoreUnsuitable:
            await client.aclose()
            raise
        self._client = client
        self._link = RedisLink(self._endpoint, self._append_timeout_ms / 1000)

    def _new_client(self) -> Redis:
        timeout_s = self._call_timeout_ms / 1000
        # The client must never retry by itself: the caller repeats, and knows it. Beyond the bound, calls queue.
        pool = BlockingConnectionPool(
            connection_class=self._endpoint.connection_class(),
            max_connections=CONNECTIONS_MAX,
            timeout=timeout_s,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            redis_connect_func=self._on_connect,
            **self._endpoint.pooled(),
        )
        return Redis.from_pool(pool)

    async def _on_connect(self, connection: Any) -> None:
        """Of each new connection of the pool: logs in, and asks for the server's history if that is watched.

        A server that sentinels named must be a master itself.
        """
        await connection.on_connect()
        if self._endpoint.sentinels is not None:
            await connection.send_command("ROLE")
            if (await connection.read_response())[0] != b"master":
                raise RedisConnectionError("the sentinels name a server that is no master")
        if self._lineage is not None:
            await connection.send_command(*ASK)
            found = lineage_of(await connection.read_response())
            if self._lineage and found != self._lineage:
                raise OtherLineage("the server was started again, or is another one")
            self._lineage = found

    async def watch_lineage(self) -> str:
        """See LostTail. What was connected before is dropped, because nobody knows any more to whom."""
        if not self._lineage:
            self._lineage = ""
            await self._redis.connection_pool.disconnect()
            await answer(self._redis.ping())
        if self._link is not None:
            self._link.close()
            self._link.lineage = self._lineage
        return self._lineage

    async def lineage_now(self) -> str:
        """See LostTail. One round trip."""
        found = await answer(self._redis.info("server", "replication"))
        return lineage_named(found)

    async def follow_lineage(self) -> str:
        """See LostTail."""
        if self._link is not None:
            self._lineage = self._link.lineage
        return self._lineage or ""

    async def _meet_anew(self) -> None:
        """Drops all connections; the next append takes the history that it meets."""
        await self._redis.connection_pool.disconnect()
        if self._link is not None:
            self._link.close()
            if self._lineage is not None:
                self._link.lineage = ""
        elif self._lineage is not None:
            self._lineage = ""

    async def close(self) -> None:
        """Closes all connections; closing twice is fine."""
        client, link = self._client, self._link
        self._client = self._link = None
        if link is not None:
            link.close()
        if client is not None:
            await client.aclose()

    @property
    def _redis(self) -> Redis:
        if self._client is None:
            raise StoreUnavailable("the store is not open")
        return self._client

    async def _call(self, function: str, *arguments: Argument) -> Any:
        try:
            if self._endpoint.replicas_of_control and function in _REPLICATED:
                return await self._replicated(function, arguments)
            return await self._redis.fcall(f"{LIBRARY}_{function}", 0, *cast("Any", arguments))
        except ResponseError as error:
            raise await self._failure(worded(error)) from None
        except RedisError as error:
            raise failure(error) from None
        except OSError as error:
            raise StoreUnavailable(f"Redis: {error}") from None

    async def _replicated(self, function: str, arguments: tuple[Argument, ...]) -> Any:
        """A call that counts only once replicas have what it wrote, or read.

        Raises StoreUnavailable if too few have it in time; the call may be repeated, and asks sentinels anew.
        """
        wanted, patience_ms = self._endpoint.replicas_of_control, self._call_timeout_ms // 2
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.fcall(f"{LIBRARY}_{function}", 0, *cast("Any", arguments))
            pipeline.fcall(MARK, 0)
            pipeline.wait(wanted, patience_ms)
            reply, marked, have = await pipeline.execute(raise_on_error=False)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(marked, ResponseError):
            raise behind_a_write(worded(marked))
        if isinstance(have, ResponseError):
            raise behind_a_write(worded(have))
        if isinstance(have, Exception):
            raise have
        if have < wanted:
            if self._endpoint.sentinels is not None:
                await self._hang_up()
            raise StoreUnavailable(f"Redis: {have} of {wanted} replicas have it within {patience_ms} ms")
        return reply

    async def _failure(self, text: str) -> StoreError:
        """What an error reply means. Functions lost by a FLUSH are loaded again: the repeated call finds them."""
        if text.startswith("FENCED "):
            return Fenced(text.removeprefix("FENCED "))
        if text.startswith("FALLBACK "):
            return FallbackHeld(text.removeprefix("FALLBACK "))
        if text.startswith("HELD "):
            _, left_ms, holder = text.split(" ", 2)
            return TermHeld(holder, int(left_ms))
        if text.startswith("PLAYERS "):
            return StillHeld(text.removeprefix("PLAYERS "))
        if text.startswith("NOTES "):
            return NotesFull(text.removeprefix("NOTES "))
        if text.startswith("CONTROL "):
            return ControlLogFull(text.removeprefix("CONTROL "))
        if text.startswith("PROPOSALS "):
            return ProposalsFull(text.removeprefix("PROPOSALS "))
        if "Function not found" in text:
            await answer(_load_library(self._redis))
            return StoreUnavailable(f"Redis: {text}")
        refusal = unavailable(text)
        if isinstance(refusal, StoreRefused) and self._may_be_replaced(refusal.reason):
            await self._hang_up()
        return refusal

    def _may_be_replaced(self, reason: str) -> bool:
        """Whether another server may be the master. A former master takes itself for it until the sentinels tell it
        otherwise: they name the new one some ten seconds earlier. Meanwhile it answers that nobody follows it, or what
        it was replaced for, for example that its disk is full.
        """
        return reason in _OF_A_REPLICA or self._endpoint.sentinels is not None

    async def _hang_up(self) -> None:
        """A server that is no master may be one again with another history: the next call connects anew, and asks."""
        await self._redis.connection_pool.disconnect(inuse_connections=False)
        if self._link is not None:
            self._link.close()

    async def clock_ms(self) -> int:
        """The clock of the Redis server."""
        seconds, micros = await answer(self._redis.time())
        return int(seconds) * 1000 + int(micros) // 1000

    async def fill(self) -> float | None:
        """How much of `maxmemory` is in use, by the count that Redis itself goes by; None without `maxmemory`."""
        memory = await answer(self._redis.info("memory"))
        room = int(memory["maxmemory"])
        used = int(memory["used_memory"]) - int(memory.get("mem_not_counted_for_evict", 0))
        return used / room if room else None


async def answer(call: Any) -> Any:
    """What Redis answers through the client. Raises StoreUnavailable if it does not answer, or refuses."""
    try:
        return await call
    except RedisError as error:
        raise failure(error) from None
    except OSError as error:
        raise StoreUnavailable(f"Redis: {error}") from None


async def _load_library(client: Redis) -> None:
    try:
        await client.function_load(_LIBRARY_SOURCE)
    except ResponseError as error:
        if "already exists" not in str(error):
            raise
