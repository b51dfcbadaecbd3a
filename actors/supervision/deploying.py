"""What a supervisor does for all shards at once: put a catalog in force (rule 14), move the sandbox clock.

Success of `deploy`: the version is committed and every shard decides under it. Failure: it is not committed, and every
shard goes on under the old one. A caller never sees anything in between.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

import msgspec

from actors.host.clock import now_ms
from actors.routing.client import ShardClient
from actors.shard.catalog_swap import unheld_counters
from actors.stored_catalogs import CatalogMissing, next_row
from actors.wire.frames import (
    AbandonCatalog,
    AdvanceClock,
    ClockSet,
    ControlAnswer,
    ControlBody,
    DeployCatalog,
    Deployed,
    Failed,
    FinishCatalog,
    Keyed,
    KeyTaken,
    Overtaken,
    PrepareCatalog,
    SetClock,
    TimeEnds,
    encode,
)
from engine.calendar import LATEST_MS, within_time
from snapshots.contract import CatalogRow, DoneRequest, Routing, ShardRow, Store
from snapshots.errors import Fenced, StillHeld, StoreUnavailable

log = logging.getLogger("croupier.supervisor")
_decode_first = msgspec.msgpack.Decoder(Deployed | ClockSet).decode

PREPARE_TIMEOUT_S = 2.0
PREPARE_WITHIN_S = 10.0
RETRY_PAUSE_S = 0.3
CLOCK_TIMEOUT_S = 300.0


class DeployFailed(Exception):
    """The catalog in force is still the old one. The message says why."""


async def recall(store: Store, keyed: Keyed | None) -> Deployed | ClockSet | KeyTaken | None:
    """The first answer, if the request was carried out before; None if it was not, or has no key."""
    done = None if keyed is None else await store.done_request(keyed.key)
    if done is None or keyed is None:
        return None
    if done.content != keyed.content:
        return KeyTaken()
    first: Deployed | ClockSet = _decode_first(done.answer)
    return msgspec.structs.replace(first, replayed=True)


def _done(keyed: Keyed | None, answer: Deployed | ClockSet) -> DoneRequest | None:
    return None if keyed is None else DoneRequest(keyed.key, keyed.content, encode(answer))


async def deploy(
    store: Store, client: ShardClient, term: int, shards: Sequence[str], asked: DeployCatalog
) -> Deployed | Overtaken:
    """Puts a stored version in force in all `shards`, unless another catalog is in force than the one it was compared
    with.

    Raises DeployFailed, Fenced, StoreUnavailable.
    """
    routing = await store.routing()
    in_force = routing.catalog
    number = 0 if in_force is None else in_force.number
    if asked.base is not None and asked.base != number:
        return Overtaken(number)
    if in_force is not None and in_force.version == asked.version:
        answer = Deployed(number, asked.version, asked.diff)
        if asked.keyed is not None:
            await _commit(store, term, in_force, _done(asked.keyed, answer))
        return answer
    answer = Deployed(number + 1, asked.version, asked.diff)
    row = await next_row(store, routing, asked.version, asked.by)
    try:
        unheld = await unheld_counters(store, in_force, asked.version)
    except (CatalogMissing, msgspec.DecodeError) as failure:
        raise DeployFailed(f"catalog {asked.version} can't be read: {failure}") from failure
    await _swap(
        store=store, client=client, term=term, shards=shards, row=row, done=_done(asked.keyed, answer), unheld=unheld
    )
    return answer


async def _swap(
    store: Store,
    client: ShardClient,
    term: int,
    shards: Sequence[str],
    row: CatalogRow,
    done: DoneRequest | None,
    unheld: Sequence[str],
) -> None:
    rows = await _prepare_all(store, client, shards, row)
    try:
        await _commit(store, term, row, done, unheld)
    except StillHeld as refusal:
        await _tell(client, rows, AbandonCatalog())
        raise DeployFailed(f"a currency would get another exponent while players hold it: {refusal}") from refusal
    except Fenced:
        if (await store.routing()).catalog != row:  # else an earlier attempt, whose outcome was unknown, has done it
            await _tell(client, rows, AbandonCatalog())
            raise
    await _tell(client, rows, FinishCatalog(row.number, row.version))  # a shard that this does not reach asks the store
    log.info("catalog %s is in force as number %d, by %s", row.version, row.number, row.by)


async def _prepare_all(store: Store, client: ShardClient, shards: Sequence[str], wanted: CatalogRow) -> list[ShardRow]:
    """All shards prepare the version, or none.

    A shard being replaced is waited for; one that refuses is not.
    """
    prepare = PrepareCatalog(wanted.number, wanted.version, wanted.due_since_ms)
    until = time.monotonic() + PREPARE_WITHIN_S
    while True:
        rows = [row for row in _rows(await store.routing(), shards) if row.address is not None]
        silent, refusals = ["a shard does not serve"], list[str]()
        if len(rows) == len(shards):
            answers = await _ask_all(client, rows, prepare, PREPARE_TIMEOUT_S)
            silent, refusals = _silent(answers), _refused(answers)
            if not silent and not refusals:
                return rows
            await _tell(client, rows, AbandonCatalog())
        if refusals or time.monotonic() > until:
            raise DeployFailed(
                f"not every shard could prepare catalog {wanted.version}: {'; '.join(refusals or silent)}"
            )
        await asyncio.sleep(RETRY_PAUSE_S)


def _rows(routing: Routing, shards: Sequence[str]) -> list[ShardRow]:
    return [routing.shards[shard_id] for shard_id in shards if shard_id in routing.shards]


async def _commit(
    store: Store, term: int, row: CatalogRow, done: DoneRequest | None, unheld: Sequence[str] = ()
) -> None:
    """Commits the row. It is repeated until the outcome is known: the very same row succeeds again."""
    while True:
        try:
            await store.commit_catalog(term, row, done, unheld)
        except StoreUnavailable as failure:
            log.warning("catalog commit without outcome, repeating it: %s", failure)
            await asyncio.sleep(RETRY_PAUSE_S)
        else:
            return


async def advance_clock(
    store: Store, client: ShardClient, term: int, shards: Sequence[str], asked: AdvanceClock
) -> ClockSet | TimeEnds:
    """Moves the sandbox clock on, never past the latest instant; returns when all work due by then is done (rules §10).

    Raises DeployFailed, StoreError.
    """
    before_ms = (await store.routing()).clock_offset_ms
    left_ms = max(0, LATEST_MS - now_ms() - before_ms)
    if asked.by_ms > left_ms:
        return TimeEnds(left_ms)
    offset_ms = before_ms + asked.by_ms
    answer = ClockSet(offset_ms, within_time(now_ms() + offset_ms))
    await store.advance_clock(term, offset_ms, _done(asked.keyed, answer))
    await await_due_work(store, client, shards)
    return answer


async def await_due_work(store: Store, client: ShardClient, shards: Sequence[str]) -> None:
    """All shards follow the sandbox clock and have done what is due. Raises DeployFailed, StoreError."""
    routing = await store.routing()
    refusals = await _tell(client, _rows(routing, shards), SetClock(routing.clock_offset_ms), CLOCK_TIMEOUT_S)
    if refusals:
        raise DeployFailed(f"the clock is set, but not all due work is done: {'; '.join(refusals)}")


async def _tell(
    client: ShardClient, rows: Sequence[ShardRow], body: ControlBody, timeout_s: float = PREPARE_TIMEOUT_S
) -> list[str]:
    """Asks all shards at once; answers what went wrong, an empty list if nothing did."""
    answers = await _ask_all(client, rows, body, timeout_s)
    return _refused(answers) + _silent(answers)


def _refused(answers: Mapping[str, ControlAnswer | OSError]) -> list[str]:
    return [f"{shard_id}: {answer.reason}" for shard_id, answer in answers.items() if isinstance(answer, Failed)]


def _silent(answers: Mapping[str, ControlAnswer | OSError]) -> list[str]:
    return [f"{shard_id}: no answer ({answer})" for shard_id, answer in answers.items() if isinstance(answer, OSError)]


async def _ask_all(
    client: ShardClient, rows: Sequence[ShardRow], body: ControlBody, timeout_s: float
) -> dict[str, ControlAnswer | OSError]:
    answers = await asyncio.gather(*(_ask(client, row, body, timeout_s) for row in rows))
    return {row.shard_id: answer for row, answer in zip(rows, answers, strict=True)}


async def _ask(client: ShardClient, row: ShardRow, body: ControlBody, timeout_s: float) -> ControlAnswer | OSError:
    """What a shard answers; an OSError (a TimeoutError is one) if it does not answer."""
    try:
        return await client.control(row.address, body, timeout_s)
    except OSError as failure:
        return failure if str(failure) else TimeoutError(f"not within {timeout_s:.0f} s")
