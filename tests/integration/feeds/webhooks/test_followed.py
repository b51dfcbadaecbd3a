"""The whole way: a real store, the real reader, real sockets; readers killed and fenced, slots moved."""

import asyncio
import base64
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from engine.transition import Transition
from feeds.reading import Notes, Sink
from feeds.webhooks.making import make
from snapshots.contract import Incarnation, LogHead, Owner, Store
from snapshots.opening import open_store
from snapshots.slots import slot_of
from tests.support import deposits
from tests.support.deposits import batch
from tests.support.recording_sink import following
from tests.support.webhook_receiver import Receiver, answering, receiving

OWNER = Owner("host-1", 100, 5_000)


def step(player_id: str, version: int) -> Transition:
    """As `deposits.step`, but the answer can be read."""
    return msgspec.structs.replace(deposits.step(player_id, version), answer=b"")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(f"sqlite:{tmp_path}")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_SECRET", "whsec_" + base64.b64encode(bytes(32)).decode())


def maker(receiver: Receiver, **changes: Any) -> Any:
    endpoint = {
        "url": receiver.url,
        "secrets": [{"env": "CRM_SECRET"}],
        "events": ["PlayerRegistered", "DepositMade"],
        "mode": "every",
        "allow_http": True,
        "networks": ["127.0.0.0/8"],
        "begin": "oldest",
    }
    settings = msgspec.json.encode({"endpoints": {"crm": {**endpoint, **changes}}})

    async def made(notes: Notes) -> Sink:
        return await make(settings, notes, CollectorRegistry())

    return made


def first_times(receiver: Receiver) -> dict[str, list[int]]:
    """By player, the versions that are left when what is at or below the last one is dropped."""
    kept: dict[str, list[int]] = {}
    for player, places in receiver.places().items():
        versions = kept.setdefault(player, [])
        for version, _ in places:
            if not versions or version > versions[-1]:
                versions.append(version)
    return kept


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_readers_that_are_killed_and_fenced_leave_nothing_out(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    players, count = [f"p{number}" for number in range(6)], 20
    inc = (await store.claim("s0", OWNER, "n1")).incarnation
    head = LogHead()
    for version in range(1, count + 1):
        head = await store.append(inc, head, batch(*(step(player, version) for player in players)))

    async def script(request: Any, got: Any) -> Any:
        await asyncio.sleep(chance.random() * 0.003)
        return await answering(chance.choice((204,) * 9 + (400,)))(request, got)

    async with receiving(script) as receiver:
        make_sink = maker(receiver, connections=4)
        for _ in range(4):
            async with following(store, make_sink, "webhooks"):
                await asyncio.sleep(chance.random() * 0.2)
        receiver.script = answering(204)
        async with following(store, make_sink, "webhooks"), following(store, make_sink, "webhooks"):
            whole = {player: list(range(1, count + 1)) for player in players}
            await receiver.until(lambda: first_times(receiver) == whole, timeout_s=40)


async def test_a_player_who_changes_shards_keeps_the_order(store: Store) -> None:
    async with receiving() as receiver, following(store, maker(receiver), "webhooks"):
        term = await store.take_term()
        await store.assign(term, {slot_of("alice"): "s0"}, {})
        incs: dict[str, Incarnation] = {}
        for shard in ("s0", "s1"):
            incs[shard] = (await store.claim(shard, OWNER, f"n-{shard}")).incarnation
        heads = {"s0": LogHead(), "s1": LogHead()}
        for version in range(1, 6):
            heads["s0"] = await store.append(incs["s0"], heads["s0"], batch(step("alice", version)))
        incs["s0"] = await store.release_slots(incs["s0"], term, [slot_of("alice")], [], "s1", {})
        for version in range(6, 11):
            heads["s1"] = await store.append(incs["s1"], heads["s1"], batch(step("alice", version)))
        await receiver.until_accepted(10)
        assert receiver.places()["alice"] == [(version, 0) for version in range(1, 11)]
