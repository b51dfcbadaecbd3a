"""Becoming the one supervisor of a store: an instance that lives keeps the term; the lease of one that was killed is
waited out (rule 7).

If a lease is renewed while somebody waits for its end, its Croupier lives. If it is not renewed, it ends.
"""

import asyncio
from collections.abc import Callable

from snapshots.contract import Store, TermLease
from snapshots.errors import TermHeld

LOOK_S = 0.2

Told = Callable[[TermLease], None]


async def until_free(store: Store, holder: str, waiting: Told = lambda lease: None) -> None:
    """Returns once no other instance than `holder` keeps the term; calls `waiting` once if that takes time.

    Raises TermHeld if the other instance lives, or StoreUnavailable.
    """
    first = lease = await store.term_lease()
    while lease.left_ms and lease.holder not in ("", holder):
        if (lease.holder, lease.until_ms) != (first.holder, first.until_ms):
            raise TermHeld(lease.holder, lease.left_ms)
        if lease is first:
            waiting(lease)
        await asyncio.sleep(min(LOOK_S, lease.left_ms / 1000))
        lease = await store.term_lease()


async def take_term(store: Store, holder: str, lease_ms: int, take_over: bool) -> int:
    """Takes a term for the instance `holder`: with `take_over` at once, else as soon as that is allowed.

    Raises what `until_free` raises.
    """
    while True:
        if not take_over:
            await until_free(store, holder)
        try:
            return await store.take_term(holder, lease_ms, take_over=take_over)
        except TermHeld:
            continue  # another instance was faster: the next round shows whether it lives
