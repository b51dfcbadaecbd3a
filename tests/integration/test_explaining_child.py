"""The process that explains: started when somebody asks, replaced when it dies, ended with its gateway."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from croupier.explaining.child import WAITING_MAX, ExplainingChild
from croupier.explaining.pipe import Begin
from gateway.ports import ControlUnavailable, HistoryBusy
from snapshots.codec import encode_batch, encode_entry
from snapshots.contract import LogHead, Owner
from snapshots.opening import open_store
from tests.unit.feeds.explaining.played import Life

SECRET = "a secret of this Croupier"


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[ExplainingChild]:
    """A child over a store with the journal of one player."""
    url = f"sqlite:{tmp_path / 'store'}"
    store = open_store(url)
    await store.open()
    inc = (await store.claim("s0", Owner("host", os.getpid(), 1), "nonce")).incarnation
    entries = [(done.player_id, done.version, encode_entry(done)) for done in Life(1).play(20).transitions]
    await store.append(inc, LogHead(), encode_batch(entries))
    made = ExplainingChild(Begin(url, None, SECRET))
    yield made
    await made.close()
    await store.close()


async def ask(child: ExplainingChild, **given: Any) -> Any:
    request = {"do": "history", "player_id": "p1"} | given
    return json.loads(await child.ask_history(json.dumps(request).encode()))


async def test_it_answers_dies_and_answers_again(child: ExplainingChild) -> None:
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
