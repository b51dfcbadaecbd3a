"""A deploy from the folder is in the control log like any other."""

from pathlib import Path
from typing import Any, cast

import pytest

from croupier.deploying.control import CatalogControl
from croupier.deploying.watching import _deploy
from gateway.ports import Checked, Finding, LogUnavailable
from tests.support.gateway_doubles import DEPLOYED, MemoryControlLog, ScriptedControl

FOLDER = Path("/srv/catalog")
FILES = {"games.yaml": b"games: {}"}


def control(**more: Any) -> CatalogControl:
    return cast(CatalogControl, ScriptedControl(**more))


async def test_asked_then_done_with_the_diff() -> None:
    log = MemoryControlLog()
    assert await _deploy(FOLDER, control(), log, FILES) == DEPLOYED
    asked, done = log.entries
    assert {entry.operation for entry in log.entries} == {"deploy of the folder catalog"}
    assert {entry.who for entry in log.entries} == {"catalog-watch"}
    assert (asked.outcome, asked.after) == ("asked", {"files": ["games.yaml"]})
    assert (done.outcome, done.subject, done.before["version"]) == ("done", "77aa", "5f3a")
    assert done.after == {"version": "77aa", "number": 8, "diff": DEPLOYED.diff}


async def test_a_refusal_is_told() -> None:
    log = MemoryControlLog()
    refused = Checked((Finding("games.yaml", 1, "no"),), (), (), 7)
    assert await _deploy(FOLDER, control(outcome=refused), log, FILES) == refused
    assert [entry.outcome for entry in log.entries] == ["asked", "catalog_invalid"]


async def test_without_the_log_nothing_is_deployed() -> None:
    log, scripted = MemoryControlLog(), ScriptedControl()
    log.down = "away"
    with pytest.raises(LogUnavailable):
        await _deploy(FOLDER, cast(CatalogControl, scripted), log, FILES)
    assert scripted.deploys == []
