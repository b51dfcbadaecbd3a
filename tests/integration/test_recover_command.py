"""`croupier recover SHARD` on a real Redis: a file that was brought here, one that is lost, a shard that lives."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.host.processes import this_process
from croupier.cli import main
from croupier.recover_command import accept_loss
from engine.control_entries import decode_control_entry
from snapshots.codec import encode_batch
from snapshots.contract import AppendedRecord, FallbackGrant, LogHead, Owner, Store
from snapshots.errors import Fenced, StoreUnavailable
from snapshots.fallback.file import FallbackFile, file_name
from snapshots.opening import open_store
from tests.support.faulty_store import FaultyStore
from tests.support.redis_server import RedisServer

ELSEWHERE = Owner("a host that nobody can look into", 1, 1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    started = RedisServer(tmp_path / "redis").start()
    yield started
    started.kill()


async def opened(server: RedisServer) -> Store:
    store = open_store(server.url)
    await store.open()
    return store


async def held(server: RedisServer, file: Path, owner: Owner = ELSEWHERE) -> None:
    """Shard s0 has one record in the store, and one more in its file."""
    store = await opened(server)
    term = await store.take_term()
    inc = (await store.claim("s0", owner, "n1")).incarnation
    head = await store.append(inc, LogHead(), encode_batch([]))
    made = FallbackFile.create(file / file_name(inc), inc)
    await store.grant_fallback(inc, FallbackGrant("n1", term, "far", str(file / file_name(inc)), 5))
    made.begin(inc, head, ())
    made.append(AppendedRecord(head, encode_batch([], [1]), {}))
    made.close()
    await store.close()


async def left(server: RedisServer) -> tuple[bool, int, list[tuple[str, str, str, Any]]]:
    """Whether anything is held, records in the log, and what the control log tells."""
    store = await opened(server)
    grant = (await store.routing()).shards["s0"].fallback
    records = len(await store.read_log("s0-1", 0, 10))
    told = [decode_control_entry(entry) for _, entry in await store.control_entries(0, 10)]
    await store.close()
    return grant is not None, records, [(entry.operation, entry.outcome, entry.subject, entry.after) for entry in told]


def recover(server: RedisServer, *options: str) -> int:
    return main(["recover", "s0", "--store", server.url, *options])


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_a_file_that_was_brought_here_is_drained(
    server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(held(server, tmp_path / "there"))
    shutil.move(tmp_path / "there", tmp_path / "here")
    assert recover(server) == 1
    assert "and that file is not here" in capsys.readouterr().err
    (file,) = (tmp_path / "here").glob("*.fallback")
    assert recover(server, "--file", str(file)) == 0
    assert "1 records were appended to s0-1" in capsys.readouterr().out
    is_held, records, told = run(left(server))
    assert (is_held, records) == (False, 2)
    states = ("asked", "failed", "asked", "done")
    assert [entry[:3] for entry in told] == [("croupier recover", state, "s0") for state in states]
    assert "is not here" in told[1][3]["why"] and told[3][3]["records"] == 1
    assert recover(server) == 1
    assert "has no fallback file that anybody waits for" in capsys.readouterr().err


def test_a_loss_is_accepted_and_named(server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(held(server, tmp_path / "there"))
    shutil.rmtree(tmp_path / "there")
    assert recover(server, "--accept-loss", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["log"], said["last_record"], said["host"]) == ("s0-1", 1, "far")
    assert "behind record 1 of s0-1" in said["said"]
    is_held, records, told = run(left(server))
    assert (is_held, records) == (False, 1) and told[-1][3]["last_record"] == 1


@pytest.mark.parametrize("outcome", ["failed", "outcome_unknown"])
def test_what_the_store_does_not_do_is_told_too(server: RedisServer, tmp_path: Path, outcome: str) -> None:
    """Another supervisor takes the term in between, or the answer of the store does not come."""

    async def refused() -> None:
        await held(server, tmp_path / "there")
        store = FaultyStore(await opened(server))
        gate = store.hold("fence", "before" if outcome == "failed" else "after")
        giving_up = asyncio.ensure_future(accept_loss(store, "s0"))  # type: ignore[arg-type]
        await gate.reached.wait()
        await store.inner.take_term()
        gate.open(fails=outcome != "failed")
        with pytest.raises(Fenced if outcome == "failed" else StoreUnavailable):
            await giving_up
        await store.close()

    run(refused())
    is_held, _, told = run(left(server))
    assert [entry[1] for entry in told] == ["asked", outcome] and is_held == (outcome == "failed")
    assert ("term 1 is over" in told[1][3]["why"]) == (outcome == "failed")


def test_a_shard_that_lives_here_is_not_given_up(
    server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(held(server, tmp_path / "there", this_process()))
    for options in ((), ("--accept-loss",)):
        assert recover(server, *options) == 1
        assert "shard s0 lives: it is process" in capsys.readouterr().err
    assert run(left(server))[:2] == (True, 1)


def test_a_file_is_not_both_brought_and_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever names the file does not want to lose it."""
    with pytest.raises(SystemExit) as refused:
        main(["recover", "s0", "--file", "here.fallback", "--accept-loss"])
    assert refused.value.code == 2 and "not allowed with" in capsys.readouterr().err
