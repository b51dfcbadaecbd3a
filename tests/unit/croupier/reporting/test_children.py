"""Processes that make reports: what they are told where nobody else reads it, and when they end."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from croupier.reporting.told import Told
from croupier.running import report_children
from croupier.running.report_children import ReportChildren
from croupier.settings import Settings
from gateway.ports import ReportAsked, ReportStream
from tests.support.patience import PATIENCE_S

ASKED = ReportAsked("stakes", "csv", "2026-01-01", "2026-01-02", None, {})
TELLS = """#!/bin/sh
read -r begin
printf '%s\\n' "$begin" > begin.json
env > environment.txt
printf '%s\\n' "$@" > arguments.txt
printf '{"content_type":"text/csv"}\\nday\\n'
{rest}
"""
INTEGRATIONS: dict[str, Any] = {
    "archive": {
        "place": {"url": "s3://archive", "access_key_id": {"env": "BUCKET_ID"},
                  "secret_access_key": {"env": "BUCKET_SECRET"}},
        "spool": "/var/spool/archive",
        "key": {"env": "KEY_OF_FIELDS"},
    },
    "audit": {"key": {"env": "KEY_OF_AUDIT"}},
}  # fmt: skip


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReportChildren:
    """In the place of `croupier report`, a program that writes down what it is told, and goes on for long."""
    stand_in(tmp_path, monkeypatch, "exec sleep 600")
    (tmp_path / "integrations.yaml").write_text(json.dumps(INTEGRATIONS))
    store = "redis://:SECRET-of-store@localhost/0"
    return ReportChildren(Settings(store=store, catalog=tmp_path, integrations=tmp_path / "integrations.yaml"), None)


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, rest: str) -> None:
    program = folder / "report"
    program.write_text(TELLS.replace("{rest}", rest))
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.chdir(folder)


async def none_left(children: ReportChildren) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*children._running)
    await asyncio.sleep(0)
    assert children._places == report_children.AT_ONCE_MAX


async def test_secrets_come_through_the_pipe_and_only_those_that_a_report_needs(
    children: ReportChildren, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BUCKET_ID", "BUCKET_SECRET", "KEY_OF_AUDIT", "KEY_OF_FIELDS", "CROUPIER_CLUSTER_SECRET"):
        monkeypatch.setenv(name, f"SECRET-of-{name}")
    found = await children.ask(ASKED)
    assert isinstance(found, ReportStream)
    await found.pieces.aclose()
    await none_left(children)
    begin = json.loads((tmp_path / "begin.json").read_text())
    assert begin["store"] == "redis://:SECRET-of-store@localhost/0"
    assert begin["secrets"] == {name: f"SECRET-of-{name}" for name in ("BUCKET_ID", "BUCKET_SECRET", "KEY_OF_AUDIT")}
    assert "SECRET" not in (tmp_path / "environment.txt").read_text() + (tmp_path / "arguments.txt").read_text()


async def test_a_report_of_which_nothing_is_read_leaves_its_place_when_it_is_closed(children: ReportChildren) -> None:
    found = await children.ask(ASKED)
    assert isinstance(found, ReportStream)
    await found.pieces.aclose()
    await none_left(children)


async def test_whoever_leaves_before_the_report_begins_leaves_no_process(
    children: ReportChildren, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = asyncio.Event()

    async def never(_: asyncio.subprocess.Process) -> Told:
        waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(report_children, "_first_line", never)
    asking = asyncio.create_task(children.ask(ASKED))
    await waiting.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await none_left(children)
