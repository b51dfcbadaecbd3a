"""Catalogs as the store keeps them, each under the hash of its content (rule 14)."""

import msgspec

from actors.host.clock import now_ms
from engine.calendar import within_time
from engine.catalog import Catalog
from engine.due import due_digest
from snapshots.contract import CatalogRow, Routing, Store


class CatalogContent(msgspec.Struct, frozen=True, array_like=True):
    """What the store keeps of a version: the rules for shards, the texts for gateways, and its files' hashes."""

    catalog: Catalog
    texts: bytes = b""
    """The texts, encoded by the gateway's code; shards don't read them."""
    files: dict[str, str] = {}
    """Content hash by file name, so that a deployment can say which files it changes."""


encode_content = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CatalogContent).decode


class CatalogMissing(Exception):
    """The store has no catalog of that version."""


async def read_content(store: Store, version: str) -> CatalogContent:
    """What is stored under a version. Raises CatalogMissing, StoreUnavailable."""
    content = await store.get_catalog(version)
    if content is None:
        raise CatalogMissing(f"the store has no catalog {version}")
    return _decode(content)


async def read_catalog(store: Store, version: str, due_since_ms: int) -> Catalog:
    """A version's rules as they come into force. Raises what `read_content` raises."""
    return msgspec.structs.replace((await read_content(store, version)).catalog, in_force_ms=due_since_ms)


async def next_row(store: Store, routing: Routing, version: str, by: str) -> CatalogRow:
    """The row that puts a stored version in force after the current one.

    It notes since when due times follow the same rules, in the players' time.

    Raises StoreUnavailable. A version that can't be read counts as other rules; putting it in force will fail.
    """
    in_force = routing.catalog
    if in_force is None:
        return CatalogRow(1, version, now_ms(), by, due_since=1)
    number = in_force.number + 1
    try:
        digests = [due_digest((await read_content(store, each)).catalog) for each in (in_force.version, version)]
    except (CatalogMissing, msgspec.DecodeError):
        digests = []
    at_ms = now_ms()
    if len(set(digests)) == 1:
        since, since_ms = in_force.due_since, in_force.due_since_ms
    else:
        since, since_ms = number, within_time(at_ms + routing.clock_offset_ms)
    return CatalogRow(number, version, at_ms, by, since, since_ms)
