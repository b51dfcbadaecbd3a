"""The store on Redis ≥ 7 with AOF. All writes are Redis Functions that check their fence and write in one step.

What "durable" means is Redis's setting: with `appendfsync always` nothing that was confirmed is lost with the machine;
with `everysec`, up to about a second is. If only the process dies, nothing is lost with either.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import hiredis
import msgspec

from snapshots.contract import (
    GENESIS,
    NO_TALLIES,
    Address,
    Claim,
    FallbackGrant,
    Incarnation,
    LogHead,
    LogInfo,
    LogRecord,
    Owner,
    Place,
    Sealed,
    SnapshotRecord,
    StoredPage,
    StoredPlayer,
    Tallies,
    next_hash,
)
from snapshots.errors import StoreUnavailable
from snapshots.redis.connection import LIBRARY, PREFIX, answer
from snapshots.redis.control import RedisControl, sealed_arguments
from snapshots.redis.control_log import RedisControlLog
from snapshots.redis.limits import RedisLimits
from snapshots.redis.link import Argument, RedisLink
from snapshots.redis.moves import move_of, token
from snapshots.redis.readers import RedisReaders, logs_of
from snapshots.redis.refusals import behind_a_write
from snapshots.redis.told_again import RedisToldAgain
from snapshots.rows import checked_claim, checked_trim, owner_of, packed
from snapshots.slots import slot_of

_APPEND = f"{LIBRARY}_append"
_TALLIES = f"{PREFIX}tallies"


class RedisStore(RedisControl, RedisControlLog, RedisLimits, RedisReaders, RedisToldAgain):
    """See `snapshots.contract.Store`. `url`: redis://, rediss://, unix:// or redis+sentinel:// (`endpoint`)."""

    async def claim(self, shard_id: str, owner: Owner, nonce: str, sealed: Sealed | None = None) -> Claim:
        """See Store. ValueError if the shard id or the nonce can't be one."""
        checked_claim(shard_id, nonce)
        arguments = (shard_id, packed(owner), nonce, GENESIS, *sealed_arguments(sealed))
        epoch, log_id, previous, former, seq, digest = await self._call("claim", *arguments)
        head = LogHead(int(seq or 0), digest or GENESIS)
        inc = Incarnation(shard_id, int(epoch), nonce, log_id.decode())
        return Claim(inc, owner_of(previous), former.decode(), head)

    async def serve(self, inc: Incarnation, address: Address) -> None:
        """See Store."""
        await self._call("serve", *token(inc), packed(address))

    async def heartbeat(self, inc: Incarnation) -> int:
        """See Store. With sentinels, a server that no replica follows confirms nobody: another may be the master."""
        return int(await self._call("heartbeat", *token(inc), int(self._endpoint.sentinels is not None)))

    async def retire(self, inc: Incarnation) -> None:
        """See Store."""
        await self._call("retire", *token(inc))

    async def grant_fallback(self, inc: Incarnation, grant: FallbackGrant) -> None:
        """See Store. With sentinels it counts once a replica has it."""
        await self._call("grant_fallback", *token(inc), grant.term, packed(grant))

    async def give_up_fallback(self, inc: Incarnation) -> None:
        """See Store."""
        await self._call("give_up_fallback", *token(inc))

    async def append(
        self, inc: Incarnation, head: LogHead, payload: bytes, catalog_number: int = 0, tallies: Tallies = NO_TALLIES
    ) -> LogHead:
        """See Store. One round trip; StoreUnavailable after `append_timeout_ms`."""
        new = LogHead(head.seq + 1, next_hash(head.hash, payload))
        arguments: tuple[Argument, ...] = (
            *token(inc), head.seq, head.hash, new.seq, new.hash, payload, catalog_number
        )  # fmt: skip
        if tallies:
            arguments += tuple(part for pair in tallies.items() for part in pair)
        if self._link is None:
            await self._call("append", *arguments)
            return new
        reply = await self._link.call("FCALL", _APPEND, 0, *arguments)
        if isinstance(reply, hiredis.ReplyError):
            raise await self._failure(str(reply))
        if self._endpoint.wait_replicas:
            await self._until_replicated(self._link)
        return new

    async def _until_replicated(self, link: RedisLink) -> None:
        """As `wait_replicas` of the URL asks. Raises StoreUnavailable if too few replicas have the append in time."""
        wanted, patience_ms = self._endpoint.wait_replicas, self._append_timeout_ms // 2
        have = await link.call("WAIT", wanted, patience_ms)
        if isinstance(have, hiredis.ReplyError):
            raise behind_a_write(str(have))
        if cast("int", have) < wanted:
            raise StoreUnavailable(f"Redis: {have} of {wanted} replicas have the append within {patience_ms} ms")

    async def tallies(self, names: Sequence[str]) -> Tallies:
        """See Store. One round trip."""
        found = await answer(self._redis.hmget(_TALLIES, list(names))) if names else []
        return {name: int(value or 0) for name, value in zip(names, found, strict=True)}

    async def checkpoint(self, inc: Incarnation, checkpoint_seq: int, trim_seq: int) -> None:
        """See Store. ValueError if `trim_seq` is above `checkpoint_seq`."""
        checked_trim(checkpoint_seq, trim_seq)
        await self._call("checkpoint", *token(inc), checkpoint_seq, trim_seq)

    async def put_snapshots(self, inc: Incarnation, records: Sequence[SnapshotRecord]) -> int:
        """See Store. All are written in one call.

        Redis does nothing else meanwhile, so the caller should pass few at a time.
        """
        parts: list[Argument] = []
        for record in records:
            due = "" if record.due_ms is None else record.due_ms
            slot = slot_of(record.player_id)
            parts += (record.player_id, record.version, record.state, record.window, slot, due)
        return int(await self._call("put_snapshots", *token(inc), *parts))

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
        request, move = move_of(term, slots, dedicated, gainer, versions)
        await self._call("release_slots", *token(inc), term, gainer, request, inc.epoch + 1, move)
        return Incarnation(inc.shard_id, inc.epoch + 1, inc.nonce, inc.log_id)

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        """See Store. A log nobody knows is empty."""
        entries = await answer(self._redis.xrange(f"{PREFIX}log:{log_id}", f"{after_seq + 1}-0", "+", limit))
        return [LogRecord(int(key.partition(b"-")[0]), e[b"q"], e[b"h"], e[b"p"]) for key, e in entries]

    async def unfinished_logs(self) -> Sequence[LogInfo]:
        """See Store."""
        return logs_of(await self._call("unfinished_logs"))

    async def load_player(self, player_id: str) -> StoredPlayer:
        """See Store."""
        names = ["av", "as", "aw", "bv", "bs", "bw", "min", "due"]
        found = await answer(self._redis.hmget(f"{PREFIX}player:{player_id}", names))
        newest, due_ms = max(int(found[0] or 0), int(found[3] or 0)), int(found[7]) if found[7] else None
        generations = [
            SnapshotRecord(player_id, int(version), state, window, due_ms if int(version) == newest else None)
            for version, state, window in (found[0:3], found[3:6])
            if version is not None
        ]
        generations.sort(key=lambda record: record.version, reverse=True)
        return StoredPlayer(tuple(generations), int(found[6] or 0))

    async def due_players(
        self, slots: Sequence[int], dedicated: Sequence[str], before_ms: int, limit: int
    ) -> Sequence[str]:
        """See Store. One round trip."""
        players = [part for player_id in dedicated for part in (player_id, slot_of(player_id))]
        encode = msgspec.msgpack.encode
        found = await self._call("due_players", before_ms, limit, encode(list(slots)), encode(players))
        return [player_id.decode() for player_id in found]

    async def stored_players(self, slots: Sequence[int], limit: int, after: Place | None = None) -> StoredPage:
        """See Store. One round trip; a small slot comes as a whole."""
        left = sorted(slot for slot in slots if after is None or slot >= after.slot)
        cursor = after.at if after is not None and left[:1] == [after.slot] else "0"
        players, *rest = await self._call("stored_players", limit, cursor, msgspec.msgpack.encode(left))
        following = Place(int(rest[0]), rest[1].decode()) if rest else None
        return StoredPage([player_id.decode() for player_id in players], following)

    async def put_due_marks(self, inc: Incarnation, marks: Mapping[int, str]) -> None:
        """See Store."""
        if marks:
            await self._call("put_due_marks", *token(inc), *(part for pair in sorted(marks.items()) for part in pair))

    async def due_marks(self) -> Mapping[int, str]:
        """See Store."""
        found = await answer(self._redis.hgetall(f"{PREFIX}due_marks"))
        return {int(slot): mark.decode() for slot, mark in found.items()}
