"""`croupier recover SHARD`: takes a shard whose last incarnation may have gone on without the store (rule 16).

A Croupier that runs does this by itself on the host where the fallback file lies. This is for a file that was brought
to another host, and for one that is lost.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from actors.host.processes import is_gone, this_process
from croupier.running.operators import by_operator
from croupier.settings import default_store, store_default_said
from engine.control_entries import encode_control_entry
from snapshots.codec import decode_batch, decode_entry
from snapshots.contract import FallbackGrant, Sealed, ShardRow, Store
from snapshots.errors import FallbackHeld, StoreError, StoreUnavailable
from snapshots.fallback.taking import take_file
from snapshots.opening import open_store

FAILED: Final = 1
COMMAND: Final = "croupier recover"
Say = Callable[[str], None]


def add_recover(parser: argparse.ArgumentParser) -> None:
    """The options of `croupier recover`."""
    parser.add_argument("shard", metavar="SHARD", help="as `croupier status` and the supervisor's log call it")
    parser.add_argument("--store", default=os.environ.get("CROUPIER_STORE") or default_store(os.environ), metavar="URL",
                        help=f"the store of the Croupier ({store_default_said()})")  # fmt: skip
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--file", type=Path, metavar="FILE",
                        help="the fallback file, with what lies beside it (-wal), if it was brought here from another "
                             "host")  # fmt: skip
    either.add_argument("--accept-loss", action="store_true",
                        help="give the file up: what was acknowledged and is only there is lost")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_recover)


def _recover(options: argparse.Namespace) -> int:
    recovery: Callable[[Store], Awaitable[dict[str, Any]]]
    if options.accept_loss:
        recovery = lambda store: accept_loss(store, options.shard)  # noqa: E731
    else:
        recovery = lambda store: drain(store, options.shard, options.file)  # noqa: E731
    try:
        said = asyncio.run(_with(options.store, recovery))
    except StoreError as problem:
        print(f"croupier: {problem}", file=sys.stderr)
        return FAILED
    print(json.dumps(said, indent=2) if options.json else said["said"])
    return 0


async def drain(store: Store, shard_id: str, file: Path | None = None) -> dict[str, Any]:
    """Appends what is in the fallback file to the store, so that any process may claim the shard.

    Raises FallbackHeld if the file is not here or does not fit, or the shard's process lives on this host.
    """
    row, grant = await _held(store, shard_id)
    async with _told(store, shard_id, {"file": str(file or grant.path)}) as told:
        taken = await take_file(store, shard_id, file)
        if taken is None:
            raise FallbackHeld(f"shard {shard_id} is not held any more")
        try:
            await store.fence((await store.routing()).term, shard_id, taken.sealed)
        finally:
            await taken.keep()
        told |= {"shard": shard_id, "log": row.log_id, "records": taken.drained}
    return told | {
        "said": f"shard {shard_id}: {taken.drained} records were appended to {row.log_id}; it can be claimed. "
        "The file is not needed any more."
    }


async def accept_loss(store: Store, shard_id: str) -> dict[str, Any]:
    """Gives the fallback file up, so that any process may claim the shard, and names what may be lost.

    Raises FallbackHeld if the shard's process lives on this host.
    """
    row, grant = await _held(store, shard_id)
    lost = await _lost(store, row, grant)
    async with _told(store, shard_id, lost):
        await store.fence((await store.routing()).term, shard_id, Sealed(grant.nonce))
    since = lost["last_entry_ms"]
    after = f"its last entry is of Unix ms {since}" if since else "it has no entry"
    return lost | {
        "said": f"shard {shard_id}: whatever was acknowledged behind record {lost['last_record']} of {row.log_id} is "
        f"given up ({after}; the file was {grant.path} on host {grant.host}). Reconcile these players with the game "
        "servers from then on. The shard can be claimed."
    }


async def _held(store: Store, shard_id: str) -> tuple[ShardRow, FallbackGrant]:
    row = (await store.routing()).shards.get(shard_id)
    if row is None or row.fallback is None:
        raise FallbackHeld(f"shard {shard_id} has no fallback file that anybody waits for; see `croupier status`")
    if row.owner is not None and row.owner.host_id == this_process().host_id and not is_gone(row.owner):
        raise FallbackHeld(f"shard {shard_id} lives: it is process {row.owner.pid} of this host")
    return row, row.fallback


async def _lost(store: Store, row: ShardRow, grant: FallbackGrant) -> dict[str, Any]:
    """From which record on the store may lack what was acknowledged, and when the entry before it was made."""
    last = next(info.last_seq for info in await store.journal_logs() if info.log_id == row.log_id)
    records = await store.read_log(row.log_id, last - 1, 1)
    entries = decode_batch(records[0].payload) if records else []
    return {
        "shard": row.shard_id,
        "log": row.log_id,
        "last_record": last,
        "last_entry_ms": max((decode_entry(entry).time_ms for entry in entries), default=0),
        "granted_ms": grant.at_ms,
        "host": grant.host,
        "file": grant.path,
    }


@asynccontextmanager
async def _told(store: Store, shard_id: str, after: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """The control log tells what is asked before anything is done, and what came of it: the body may add to `after`.

    What can't be written about a refusal is left out: whoever typed the command reads the refusal itself.
    """
    await _record(store, "asked", shard_id, after)
    try:
        yield after
    except StoreError as problem:
        outcome = "outcome_unknown" if isinstance(problem, StoreUnavailable) else "failed"
        with suppress(StoreError):
            await _record(store, outcome, shard_id, after | {"why": str(problem)})
        raise
    await _record(store, "done", shard_id, after)


async def _record(store: Store, outcome: str, shard_id: str, after: dict[str, Any]) -> None:
    entry = by_operator(COMMAND, outcome, subject=shard_id, after=after)
    await store.append_control([encode_control_entry(entry)])


async def _with(url: str, recovery: Callable[[Store], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    store = open_store(url)
    await store.open()
    try:
        return await recovery(store)
    finally:
        await store.close()
