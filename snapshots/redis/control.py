"""The control tables on Redis: terms, routing, catalogs, the sandbox clock."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from snapshots.contract import (
    CATALOGS_KEPT,
    REQUESTS_KEPT,
    SLOTS,
    Address,
    CatalogRow,
    DoneRequest,
    Owner,
    Routing,
    Sealed,
    ShardRow,
    TermLease,
)
from snapshots.redis.connection import PREFIX, RedisConnection, answer
from snapshots.redis.link import Argument
from snapshots.rows import address_of, catalog_of, grant_of, owner_of, packed
from snapshots.slots import slot_of

_DEDICATED = f"{PREFIX}dedicated"
_CATALOGS, _REQUESTS = f"{PREFIX}catalogs", f"{PREFIX}requests"
_done = msgspec.msgpack.Decoder(DoneRequest)


class RedisControl(RedisConnection):
    """The part of `snapshots.contract.Store` that the supervisor writes."""

    async def put_catalog(self, version: str, content: bytes) -> None:
        """See Store."""
        await self._call("put_catalog", version, content, CATALOGS_KEPT)

    async def get_catalog(self, version: str) -> bytes | None:
        """See Store."""
        found: bytes | None = await answer(self._redis.hget(_CATALOGS, version))
        return found

    async def commit_catalog(
        self, term: int, row: CatalogRow, done: DoneRequest | None = None, unheld: Sequence[str] = ()
    ) -> None:
        """See Store. Appends read the number in force in the same step that writes them."""
        counters = msgspec.msgpack.encode(list(unheld))
        await self._call("commit_catalog", term, row.number, row.version, packed(row), counters, *_remembered(done))

    async def advance_clock(self, term: int, offset_ms: int, done: DoneRequest | None = None) -> None:
        """See Store."""
        await self._call("advance_clock", term, offset_ms, *_remembered(done))

    async def done_request(self, key: bytes) -> DoneRequest | None:
        """See Store."""
        found: bytes | None = await answer(self._redis.hget(_REQUESTS, cast("Any", key)))
        return None if found is None else _done.decode(found)

    async def listen(self, term: int, address: Address) -> None:
        """See Store."""
        await self._call("listen", term, packed(address))

    async def take_term(self, holder: str = "", lease_ms: int = 0, *, take_over: bool = False) -> int:
        """See Store."""
        return int(await self._call("take_term", holder, lease_ms, int(take_over)))

    async def hold_term(self, term: int, lease_ms: int) -> None:
        """See Store."""
        await self._call("hold_term", term, lease_ms)

    async def leave_term(self, term: int) -> None:
        """See Store."""
        await self._call("leave_term", term)

    async def term_lease(self) -> TermLease:
        """See Store."""
        term, holder, until_ms, left_ms = await self._call("term_lease")
        return TermLease(int(term or 0), holder.decode(), int(until_ms or 0), int(left_ms))

    async def assign(self, term: int, slots: Mapping[int, str], dedicated: Mapping[str, str]) -> None:
        """See Store."""
        flat_slots = [str(part) for pair in slots.items() for part in pair]
        flat_dedicated = [part for pair in dedicated.items() for part in pair]
        alone = [player.decode() for player in await answer(self._redis.hkeys(_DEDICATED))]
        places = {player_id: str(slot_of(player_id)) for player_id in (*alone, *dedicated)}
        encode = msgspec.msgpack.encode
        await self._call("assign", term, encode(flat_slots), encode(flat_dedicated), encode(places))

    async def fence(self, term: int, shard_id: str, sealed: Sealed | None = None) -> Owner | None:
        """See Store. A shard nobody ever claimed has no owner to fence: None."""
        return owner_of(await self._call("fence", term, shard_id, *sealed_arguments(sealed)))

    async def finish_log(self, term: int, log_id: str) -> None:
        """See Store. A log that is gone already is fine."""
        await self._call("finish_log", term, log_id)

    async def routing(self) -> Routing:
        """See Store."""
        term, slots, dedicated, shards, supervisor, catalog, clock = await self._call("routing")
        owners = _pairs(slots)
        rows = [
            ShardRow(
                shard_id.decode(), int(epoch), owner_of(owner), address_of(address), log_id.decode(), grant_of(granted)
            )
            for shard_id, epoch, owner, address, log_id, granted in shards
        ]
        table = tuple(owners.get(str(slot), "") for slot in range(SLOTS))
        return Routing(
            term=int(term or 0),
            slots=table,
            dedicated=_pairs(dedicated),
            shards={row.shard_id: row for row in rows},
            supervisor=address_of(supervisor),
            catalog=catalog_of(catalog),
            clock_offset_ms=int(clock or 0),
        )


def sealed_arguments(sealed: Sealed | None) -> tuple[Argument, ...]:
    """Nonce, seq and hash; what is not known is empty."""
    if sealed is None:
        return "", "", ""
    return (sealed.nonce, "", "") if sealed.head is None else (sealed.nonce, sealed.head.seq, sealed.head.hash)


def _remembered(done: DoneRequest | None) -> tuple[Argument, ...]:
    """Key, value and bound of the hash of requests; nothing for none."""
    return () if done is None else (done.key, msgspec.msgpack.encode(done), REQUESTS_KEPT)


def _pairs(flat: list[bytes]) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in zip(flat[::2], flat[1::2], strict=True)}
