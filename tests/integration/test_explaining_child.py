"""The process that explains: started when somebody asks, replaced when it dies, ended with its gateway."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from croupier.explaining.child import WAITING_MAX, ExplainingChild
from croupier.explaining.pipe import Begin
from gateway.ports import ControlUnavailable, HistoryBusy
from snapshots.archive.place import ArchivePlace
from snapshots.codec import encode_batch, encode_entry, encode_snapshot
from snapshots.contract import ARCHIVE, Incarnation, LogHead, Owner, Position, Store
from snapshots.opening import open_store
from tests.support.sealed_archive import SealedArchive
from tests.unit.feeds.explaining.played import Life

SECRET = "a secret of this Croupier"


class House(NamedTuple):
    """A store with the journal of one player, and a child over it and over an archive that is not there yet."""

    life: Life
    store: Store
    inc: Incarnation
    archive: Path
    child: ExplainingChild


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    url = f"sqlite:{tmp_path / 'store'}"
    store, life = open_store(url), Life(1).play(20)
    await store.open()
    inc = (await store.claim("s0", Owner("host", os.getpid(), 1), "nonce")).incarnation
    entries = [(done.player_id, done.version, encode_entry(done)) for done in life.transitions]
    await store.append(inc, LogHead(), encode_batch(entries))
    archive = tmp_path / "archive"
    child = ExplainingChild(Begin(url, ArchivePlace(str(archive)), SECRET))
    yield House(life, store, inc, archive, child)
    await child.close()
    await store.close()


async def ask(child: ExplainingChild, **given: Any) -> Any:
    request = {"do": "history", "player_id": "p1"} | given
    return json.loads(await child.ask_history(json.dumps(request).encode()))


async def test_it_answers_dies_and_answers_again(house: House) -> None:
    child = house.child
    first = await ask(child)
    assert first["outcome"] == "found" and first["document"]["entries"]
    process = child._child
    assert process is not None
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes() + Path(f"/proc/{process.pid}/environ").read_bytes()
    assert SECRET.encode() not in arguments
    process.send_signal(signal.SIGSTOP)
    asked = [asyncio.create_task(ask(child)) for _ in range(WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(HistoryBusy):
        await ask(child)
    process.kill()
    assert {type(failure) for failure in await asyncio.gather(*asked, return_exceptions=True)} == {ControlUnavailable}
    assert await ask(child) == first, "another process answers the same"
    assert child._child is not process


async def test_what_has_left_the_journal_is_read_from_the_archive(house: House) -> None:
    before = await ask(house.child)
    await SealedArchive(house.archive).seal(house.life.transitions)
    reader = await house.store.claim_reader(ARCHIVE, "nonce")
    await house.store.commit_reader(reader, {"s0": Position(1, 1)}, {})
    for _ in range(2):
        await house.store.put_snapshots(house.inc, [encode_snapshot(house.life.table.player)])
    await house.store.checkpoint(house.inc, 1, 1)
    assert [log.trimmed_seq for log in await house.store.journal_logs()] == [1]
    assert before["document"]["complete"]
    assert await ask(house.child) == before
