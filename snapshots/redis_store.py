"""The store on Redis ≥ 7 with AOF. All writes are Redis Functions that check their fence and write in one step.

What "durable" means is Redis's setting: with `appendfsync always` a lost machine loses nothing that was confirmed,
with `everysec` up to about a second; a lost process loses nothing with either.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b, sha256
from importlib.resources import files
from typing import Any, cast

import hiredis
import msgspec
from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from snapshots.contract import (
    GENESIS,
    SLOTS,
    Address,
    Claim,
    Incarnation,
    LogHead,
    LogInfo,
    LogRecord,
    Owner,
    Routing,
    ShardRow,
    SnapshotRecord,
    StoredPlayer,
    next_hash,
)
from snapshots.errors import Fenced, StoreError, StoreUnavailable, StoreUnsuitable
from snapshots.redis_link import Argument, RedisLink
from snapshots.redis_settings import check_settings, masked
from snapshots.rows import address_of, checked_claim, checked_trim, owner_of, packed

APPEND_TIMEOUT_MS = 1_000
CALL_TIMEOUT_MS = 5_000
CONNECTIONS_MAX = 16
PREFIX = "croupier:"

_SOURCE = files("snapshots").joinpath("redis_functions.lua").read_text()
LIBRARY = "croupier_" + sha256(_SOURCE.encode()).hexdigest()[:12]
"""Named by content: two versions of the code never replace each other's functions."""
_LIBRARY_SOURCE = _SOURCE.replace("croupier_@HASH@", LIBRARY)
_APPEND = f"{LIBRARY}_append"


class RedisStore:
    """See `snapshots.contract.Store`. `url`: redis://, rediss:// or unix://."""

    def __init__(
        self, url: str, *, append_timeout_ms: int = APPEND_TIMEOUT_MS, call_timeout_ms: int = CALL_TIMEOUT_MS
    ) -> None:
        self._url = url
        self._append_timeout_ms = append_timeout_ms
        self._call_timeout_ms = call_timeout_ms
        self._client: Redis | None = None
        self._link: RedisLink | None = None

    async def open(self) -> None:
        """Connects, checks version and settings, loads the functions."""
        name = masked(self._url)
        try:
            client = self._new_client()
        except ValueError as error:
            raise StoreUnsuitable(f"{name} is not a Redis URL: {error}.") from None
        try:
            check_settings(name, await client.info())
            await _load_library(client)
        except (RedisError, OSError) as error:
            await client.aclose()
            raise StoreUnsuitable(f"Redis at {name} can't be used: {str(error).rstrip('.')}.") from None
        except StoreUnsuitable:
            await client.aclose()
            raise
        self._client = client
        # TLS has settings that only the full client knows; its appends go the longer way.
        if not self._url.startswith("rediss://"):
            self._link = RedisLink(dict(parse_url(self._url)), self._append_timeout_ms / 1000)

    def _new_client(self) -> Redis:
        timeout_s = self._call_timeout_ms / 1000
        # Never a retry behind our back: the caller repeats, and knows that it does. Beyond the bound calls queue.
        pool = BlockingConnectionPool.from_url(
            self._url,
            max_connections=CONNECTIONS_MAX,
            timeout=timeout_s,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
        )
        return Redis.from_pool(pool)

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
        client = self._redis
        try:
            return await client.fcall(f"{LIBRARY}_{function}", 0, *cast("Any", arguments))
        except ResponseError as error:
            raise await self._failure(str(error)) from None
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"Redis: {error}") from None

    async def _failure(self, text: str) -> StoreError:
        """What an error reply means. Functions lost by a FLUSH are loaded again: the repeated call finds them."""
        if text.startswith("FENCED "):
            return Fenced(text.removeprefix("FENCED "))
        if "Function not found" in text:
            await _answer(_load_library(self._redis))
        return StoreUnavailable(f"Redis: {text}")

    async def clock_ms(self) -> int:
        """The clock of the Redis server."""
        seconds, micros = await _answer(self._redis.time())
        return int(seconds) * 1000 + int(micros) // 1000

    async def claim(self, shard_id: str, owner: Owner, nonce: str) -> Claim:
        """See Store. ValueError if the shard id or the nonce can't be one."""
        checked_claim(shard_id, nonce)
        epoch, log_id, previous = await self._call("claim", shard_id, packed(owner), nonce, GENESIS)
        return Claim(Incarnation(shard_id, int(epoch), nonce, log_id.decode()), owner_of(previous))

    async def serve(self, inc: Incarnation, address: Address) -> None:
        """See Store."""
        await self._call("serve", *_token(inc), packed(address))

    async def heartbeat(self, inc: Incarnation) -> int:
        """See Store."""
        return int(await self._call("heartbeat", *_token(inc)))

    async def retire(self, inc: Incarnation) -> None:
        """See Store."""
        await self._call("retire", *_token(inc))

    async def append(self, inc: Incarnation, head: LogHead, payload: bytes) -> LogHead:
        """See Store. One round trip; StoreUnavailable after `append_timeout_ms`."""
        new = LogHead(head.seq + 1, next_hash(head.hash, payload))
        arguments = (*_token(inc), head.seq, head.hash, new.seq, new.hash, payload)
        if self._link is None:
            await self._call("append", *arguments)
            return new
        reply = await self._link.call("FCALL", _APPEND, 0, *arguments)
        if isinstance(reply, hiredis.ReplyError):
            raise await self._failure(str(reply))
        return new

    async def checkpoint(self, inc: Incarnation, checkpoint_seq: int, trim_seq: int) -> None:
        """See Store. ValueError if `trim_seq` is above `checkpoint_seq`."""
        checked_trim(checkpoint_seq, trim_seq)
        await self._call("checkpoint", *_token(inc), checkpoint_seq, trim_seq)

    async def put_snapshots(self, inc: Incarnation, records: Sequence[SnapshotRecord]) -> None:
        """See Store. One call for all: Redis does nothing else meanwhile, so keep the slices small."""
        parts: list[Argument] = []
        for record in records:
            parts += (record.player_id, record.version, record.state, record.window)
        await self._call("put_snapshots", *_token(inc), *parts)

    async def release_slots(
        self,
        inc: Incarnation,
        term: int,
        slots: Sequence[int],
        dedicated: Sequence[str],
        gainer: str,
        versions: Mapping[str, int],
    ) -> Incarnation:
        """See Store."""
        players = [(player_id, str(version)) for player_id, version in sorted(versions.items())]
        move = msgspec.msgpack.encode(([str(slot) for slot in sorted(slots)], sorted(dedicated), players))
        request = blake2b(msgspec.msgpack.encode((term, gainer, move)), digest_size=16).digest()
        await self._call("release_slots", *_token(inc), term, gainer, request, inc.epoch + 1, move)
        return Incarnation(inc.shard_id, inc.epoch + 1, inc.nonce, inc.log_id)

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        """See Store. A log nobody knows is empty."""
        entries = await _answer(self._redis.xrange(f"{PREFIX}log:{log_id}", f"{after_seq + 1}-0", "+", limit))
        return [LogRecord(int(key.partition(b"-")[0]), e[b"q"], e[b"h"], e[b"p"]) for key, e in entries]

    async def unfinished_logs(self) -> Sequence[LogInfo]:
        """See Store."""
        rows = await self._call("unfinished_logs")
        rows.sort(key=lambda row: (row[1], int(row[2])))
        return [
            LogInfo(log.decode(), shard.decode(), not live, int(checkpointed), int(trimmed))
            for log, shard, _, live, checkpointed, trimmed in rows
        ]

    async def load_player(self, player_id: str) -> StoredPlayer:
        """See Store."""
        names = ["av", "as", "aw", "bv", "bs", "bw", "min"]
        found = await _answer(self._redis.hmget(f"{PREFIX}player:{player_id}", names))
        generations = [
            SnapshotRecord(player_id, int(version), state, window)
            for version, state, window in (found[0:3], found[3:6])
            if version is not None
        ]
        generations.sort(key=lambda record: record.version, reverse=True)
        return StoredPlayer(tuple(generations), int(found[6] or 0))

    async def take_term(self) -> int:
        """See Store."""
        return int(await self._call("take_term"))

    async def assign(self, term: int, slots: Mapping[int, str], dedicated: Mapping[str, str]) -> None:
        """See Store."""
        flat_slots = [str(part) for pair in slots.items() for part in pair]
        flat_dedicated = [part for pair in dedicated.items() for part in pair]
        encode = msgspec.msgpack.encode
        await self._call("assign", term, encode(flat_slots), encode(flat_dedicated))

    async def fence(self, term: int, shard_id: str) -> Owner | None:
        """See Store. A shard nobody ever claimed has no owner to fence: None."""
        return owner_of(await self._call("fence", term, shard_id))

    async def finish_log(self, term: int, log_id: str) -> None:
        """See Store. A log that is gone already is fine."""
        await self._call("finish_log", term, log_id)

    async def routing(self) -> Routing:
        """See Store."""
        term, slots, dedicated, shards = await self._call("routing")
        owners = _pairs(slots)
        rows = [
            ShardRow(shard_id.decode(), int(epoch), owner_of(owner), address_of(address), log_id.decode())
            for shard_id, epoch, owner, address, log_id in shards
        ]
        table = tuple(owners.get(str(slot), "") for slot in range(SLOTS))
        return Routing(int(term or 0), table, _pairs(dedicated), {row.shard_id: row for row in rows})


def _token(inc: Incarnation) -> tuple[str, int, str, str]:
    return inc.shard_id, inc.epoch, inc.nonce, inc.log_id


def _pairs(flat: list[bytes]) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in zip(flat[::2], flat[1::2], strict=True)}


async def _answer(call: Any) -> Any:
    try:
        return await call
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"Redis: {error}") from None


async def _load_library(client: Redis) -> None:
    try:
        await client.function_load(_LIBRARY_SOURCE)
    except ResponseError as error:
        if "already exists" not in str(error):
            raise
