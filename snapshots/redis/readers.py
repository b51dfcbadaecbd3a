"""Readers of the journal on Redis."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis.exceptions import RedisError

from snapshots.contract import NOTES_MAX, Handover, LogInfo, Position, Reader
from snapshots.redis.connection import PREFIX, RedisConnection, answer
from snapshots.redis.link import Argument
from snapshots.rows import checked_claim, checked_notes

EVERYSEC_HORIZON_MS = 2_000
NEVER_SYNCED_HORIZON_MS = 60_000
"""Linux writes what is not synced after about half a minute."""

_Body = tuple[list[str], list[str], str, int, int, str, int, int]
_body = msgspec.msgpack.Decoder(_Body, strict=False)


class RedisReaders(RedisConnection):
    """The part of `snapshots.contract.Store` for readers of the journal."""

    async def horizon_ms(self) -> int:
        """See Store. A server that doesn't tell its setting is taken to sync once a second, as it does by default.

        Where a replica may be promoted, a synced record may still be lost: what is younger than two seconds waits.
        """
        try:
            setting = (await self._redis.config_get("appendfsync")).get("appendfsync")
        except (RedisError, OSError):
            setting = None
        synced = 0 if self._endpoint.sentinels is None else EVERYSEC_HORIZON_MS
        return {"always": synced, "no": NEVER_SYNCED_HORIZON_MS}.get(str(setting), EVERYSEC_HORIZON_MS)

    async def claim_reader(self, name: str, nonce: str) -> Reader:
        """See Store."""
        checked_claim(name, nonce)
        return Reader(name, int(await self._call("claim_reader", name, nonce)), nonce)

    async def claim_notes(self, name: str, nonce: str) -> Reader:
        """See Store."""
        checked_claim(name, nonce)
        return Reader(name, int(await self._call("claim_notes", name, nonce)), nonce)

    async def commit_reader(
        self, reader: Reader, positions: Mapping[str, Position], notes: Mapping[str, bytes | None]
    ) -> None:
        """See Store."""
        by_key = checked_notes(notes)
        moved = [part for shard_id, at in positions.items() for part in (shard_id, str(at.epoch), str(at.seq))]
        removed = [key for key, value in by_key.items() if value is None]
        written: list[Argument] = [part for key, value in by_key.items() if value is not None for part in (key, value)]
        changes: list[Argument] = [msgspec.msgpack.encode(moved), len(removed), *removed, *written]
        await self._call("commit_reader", reader.name, reader.epoch, reader.nonce, NOTES_MAX, *changes)

    async def reader_positions(self, name: str) -> Mapping[str, Position]:
        """See Store."""
        return _positions(await answer(self._redis.hgetall(f"{PREFIX}reader:{name}:cursors")))

    async def reader_notes(
        self, name: str, prefix: str = "", after: str = "", limit: int = 1_000
    ) -> Mapping[str, bytes]:
        """See Store. No UTF-8 has a byte 255, so the prefix with one behind it is above all such keys."""
        low = max(b"(" + after.encode(), b"[" + prefix.encode(), key=lambda bound: bound[1:])
        found = await self._call("reader_notes", name, low, b"(" + prefix.encode() + b"\xff", limit)
        return {key.decode(): value for key, value in zip(found[::2], found[1::2], strict=True)}

    async def forget_reader(self, term: int, name: str) -> None:
        """See Store."""
        await self._call("forget_reader", term, name)

    async def journal_logs(self) -> Sequence[LogInfo]:
        """See Store."""
        return logs_of(await self._call("journal_logs"))

    async def handovers(self, after: int = 0) -> Sequence[Handover]:
        """See Store."""
        found = await self._call("handovers", after)
        rows = [_handover(int(number), body) for number, body in zip(found[::2], found[1::2], strict=True)]
        return sorted(rows, key=lambda row: row.number)

    async def sweep_journal(self, term: int) -> None:
        """See Store."""
        await self._call("sweep_journal", term)


def _handover(number: int, body: bytes) -> Handover:
    slots, players, loser, left_epoch, left_seq, gainer, gained_epoch, gained_seq = _body.decode(body)
    left, gained = Position(left_epoch, left_seq), Position(gained_epoch, gained_seq)
    return Handover(
        number=number,
        slots=[int(slot) for slot in slots],
        players=players,
        loser=loser,
        left=left,
        gainer=gainer,
        gained=gained,
    )


def _positions(flat: Mapping[bytes, bytes]) -> dict[str, Position]:
    return {shard_id.decode(): Position(*map(int, place.split())) for shard_id, place in flat.items()}


def logs_of(rows: list[Any]) -> list[LogInfo]:
    """Logs as `functions.lua` describes them, in order of (shard, epoch)."""
    rows.sort(key=lambda row: (row[1], int(row[2])))
    return [
        LogInfo(
            log_id=log.decode(),
            shard_id=shard.decode(),
            sealed=not live,
            checkpoint_seq=int(checkpointed),
            trimmed_seq=int(trimmed),
            last_seq=int(last),
            finished=bool(finished),
        )
        for log, shard, _, live, checkpointed, trimmed, last, finished in rows
    ]
