"""Claiming a shard whose last incarnation may have gone on without the store: through its fallback file (rule 16)."""

import asyncio
import logging
import secrets
from typing import Final

from snapshots.contract import Claim, Owner, Store
from snapshots.errors import FallbackHeld, StoreError
from snapshots.fallback.taking import TakenFile, take_file

log = logging.getLogger("croupier.shard")

KEPT_S: Final = 1.0
"""For how much longer than the store may lose what it has acknowledged a drained file is kept."""


async def claim_through_file(store: Store, shard_id: str, owner: Owner) -> tuple[Claim, TakenFile | None]:
    """Claims the shard. If a fallback file must be sealed and drained before, that is done, and answered: see `forget`.

    Raises FallbackHeld if the file is not on this host, or does not fit.
    """
    nonce = secrets.token_hex(8)
    try:
        return await store.claim(shard_id, owner, nonce), None
    except FallbackHeld as held:
        taken = await take_file(store, shard_id)
        if taken is None:  # whoever held it has given it up between the two calls
            log.info("%s; now it has not", held)
            return await store.claim(shard_id, owner, nonce), None
    try:
        return await store.claim(shard_id, owner, nonce, taken.sealed), taken
    except BaseException:
        await taken.keep()
        raise


async def fence_through_file(store: Store, term: int, shard_id: str) -> tuple[Owner | None, TakenFile | None]:
    """As `Store.fence`, and as `claim_through_file`. Not for several shards at once: other calls are cut short."""
    try:
        return await store.fence(term, shard_id), None
    except FallbackHeld:
        taken = await take_file(store, shard_id)
    if taken is None:
        return await store.fence(term, shard_id), None
    try:
        return await store.fence(term, shard_id, taken.sealed), taken
    except BaseException:
        await taken.keep()
        raise


async def forget(store: Store, taken: TakenFile | None) -> None:
    """Removes the file of a shard that was claimed or fenced, once the store can't lose what was in it any more."""
    if taken is None:
        return
    try:
        if taken.sealed.head is not None:
            await asyncio.sleep(KEPT_S + await store.horizon_ms() / 1_000)
        await taken.done()
    except (OSError, StoreError) as failure:
        log.warning("a drained fallback file stays where it is: %s", failure)
