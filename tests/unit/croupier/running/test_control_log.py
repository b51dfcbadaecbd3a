"""The control log in the store: what gateways and commands write, read backwards; and what keys that change leave."""

import asyncio
import os
import pwd
from pathlib import Path
from typing import Any

import msgspec
import pytest

from croupier.running import operators
from croupier.running.control_log import StoredControlLog
from croupier.running.operators import by_operator, record
from croupier.running.watched_keys import WatchedKeys, key_changes
from engine.control_entries import ControlEntry, decode_control_entry
from gateway.access.keys import ApiKey, ApiKeys, TokenIssuer, TokenKey
from gateway.ports import LogUnavailable
from gateway.recording.reading import Wanted, newest_first
from snapshots.opening import open_store
from tests.support.faulty_store import FaultyStore
from tests.support.patience import PATIENCE_S


def entry(number: int) -> ControlEntry:
    return ControlEntry(1_000 + number, "ann", "ops", "POST /switches", subject=f"s{number}")


async def test_entries_are_read_newest_first_in_slices(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path}")
    await store.open()
    log = StoredControlLog(store)
    assert (list(await log.before(None, 10)), await log.oldest()) == ([], None)
    await log.append([entry(number) for number in range(1, 8)])
    assert [number for number, _ in await log.before(None, 3)] == [7, 6, 5]
    assert (await log.oldest() or (0,))[0] == 1
    assert [number for number, _ in await log.before(5, 3)] == [4, 3, 2]
    assert [number for number, _ in await log.before(2, 3)] == [1]
    assert list(await log.before(1, 3)) == []
    assert [number for number, _ in await log.before(1_000, 2)] == [7, 6]
    found = [each async for each in newest_first(log, Wanted(actor="ann"), None)]
    assert [(number, of.subject) for number, of in found] == [(number, f"s{number}") for number in range(7, 0, -1)]
    await store.close()


async def test_a_store_that_is_away_is_said_in_one_sentence(tmp_path: Path) -> None:
    store = FaultyStore(open_store(f"sqlite:{tmp_path}"))
    store.down |= {"append_control", "control_span", "control_entries"}
    log = StoredControlLog(store)  # type: ignore[arg-type]
    with pytest.raises(LogUnavailable, match="can't be written now: down"):
        await log.append([entry(1)])
    with pytest.raises(LogUnavailable, match="can't be read now: down"):
        await log.before(None, 1)
    with pytest.raises(LogUnavailable, match="can't be read now: down"):
        await log.oldest()


def test_a_command_is_told_with_the_user_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    record(f"sqlite:{tmp_path}", by_operator("croupier bus redrive", subject="bets", after={"sent": 3}))

    async def read() -> list[tuple[int, bytes]]:
        store = open_store(f"sqlite:{tmp_path}")
        await store.open()
        found = list(await store.control_entries(0, 10))
        await store.close()
        return found

    ((number, encoded),) = asyncio.run(read())
    told = decode_control_entry(encoded)
    assert (number, told.who, told.role) == (1, pwd.getpwuid(os.getuid()).pw_name, "os_user")
    assert (told.operation, told.subject, told.after) == ("croupier bus redrive", "bets", {"sent": 3})


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> Any:
        raise KeyError

    monkeypatch.setattr(operators.pwd, "getpwuid", unknown)
    assert operators.os_user() == f"uid {os.getuid()}"


def keys(*api: ApiKey, tokens: tuple[TokenKey, ...] = ()) -> ApiKeys:
    return ApiKeys(api, TokenIssuer("iss", tokens) if tokens else None)


OLD = ApiKey("studio", "s" * 16, "game_server")
CASHIER = ApiKey("cashier", "c" * 16, "platform")
TOKEN = TokenKey("k1", "HS256", "t" * 32)


def test_keys_that_came_went_and_were_replaced() -> None:
    rotated = ApiKey("studio", "r" * 16, "game_server")
    changes = key_changes(keys(OLD, tokens=(TOKEN,)), keys(rotated, CASHIER))
    assert changes == {
        "came": ["api key cashier (platform)"],
        "went": ["token key k1"],
        "replaced": ["api key studio (game_server)"],
    }


async def test_a_change_of_the_keys_file_is_told_without_secrets(tmp_path: Path) -> None:
    path, told = tmp_path / "keys.json", asyncio.Queue[ControlEntry]()
    path.write_bytes(msgspec.json.encode(keys(OLD)))
    proof = WatchedKeys(path, 300)
    task = asyncio.create_task(proof.follow(told.put_nowait, 0.01))
    path.write_bytes(msgspec.json.encode(keys(CASHIER)))
    change = await asyncio.wait_for(told.get(), PATIENCE_S)
    task.cancel()
    assert (change.operation, change.subject) == ("keys file reloaded", "keys.json")
    assert change.after == {
        "came": ["api key cashier (platform)"],
        "went": ["api key studio (game_server)"],
        "replaced": [],
    }
    assert "cccc" not in repr(change)
    assert proof.standing({b"x-api-key": b"cashier"}) is not None
    assert proof.standing({b"x-api-key": b"studio"}) is None
