"""`croupier bus redrive` is in the control log: asked before a letter is sent, and how many were sent."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from croupier import bus_command
from croupier.cli import main
from engine.control_entries import ControlEntry, decode_control_entry
from feeds.bus import redrive as redriving
from snapshots.opening import open_store


def told(url: str) -> list[ControlEntry]:
    async def read() -> list[ControlEntry]:
        store = open_store(url)
        await store.open()
        entries = [decode_control_entry(encoded) for _, encoded in await store.control_entries(0, 10)]
        await store.close()
        return entries

    return asyncio.run(read())


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    settings = SimpleNamespace(topics=[SimpleNamespace(name="bets")])
    monkeypatch.setattr(bus_command, "bus_in_section", lambda path: settings)
    return ["bus", "redrive", "--topic", "bets", "--store", f"sqlite:{tmp_path}", "--code", "player_not_found"]


def test_asked_and_done(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def redrive(*_: Any) -> int:
        seen.append([entry.outcome for entry in told(f"sqlite:{tmp_path}")])
        return 3

    monkeypatch.setattr(redriving, "redrive", redrive)
    assert main(command) == 0
    asked, done = told(f"sqlite:{tmp_path}")
    assert seen == [["asked"]]
    assert (asked.operation, asked.subject, asked.role) == ("croupier bus redrive", "bets", "os_user")
    assert asked.after == {"topic": "bets", "code": "player_not_found", "limit": 1_000}
    assert (done.outcome, done.after) == ("done", {"sent": 3})


def test_without_the_log_nothing_is_sent(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(redriving, "redrive", lambda *_: pytest.fail("it was sent"))
    (tmp_path / "control.db").write_bytes(b"no database at all " * 100)
    assert main(command) != 0
    assert "croupier:" in capsys.readouterr().err
