"""A deploy from the folder is in the control log like any other."""

from pathlib import Path
from typing import Any, cast

import pytest

from croupier.deploying.control import CatalogControl
from croupier.deploying.watching import FolderDeploys
from gateway.ports import Checked, ControlUnavailable, Finding, KeyTaken, LogUnavailable, Overtaken
from tests.support.gateway_doubles import DEPLOYED, MemoryControlLog, ScriptedControl

FOLDER = Path("/srv/catalog")
FILES = {"games.yaml": b"games: {}"}


def control(**more: Any) -> CatalogControl:
    return cast(CatalogControl, ScriptedControl(**more))


async def test_asked_then_done_with_the_diff() -> None:
    log = MemoryControlLog()
    assert await FolderDeploys(FOLDER, control(), log).deploy(FILES) == DEPLOYED
    asked, done = log.entries
    assert {entry.operation for entry in log.entries} == {"deploy of the folder catalog"}
    assert {entry.who for entry in log.entries} == {"catalog-watch"}
    assert (asked.outcome, asked.after) == ("asked", {"files": ["games.yaml"]})
    assert (done.outcome, done.subject, done.before["version"]) == ("done", "77aa", "5f3a")
    assert done.after == {"version": "77aa", "number": 8, "diff": DEPLOYED.diff}


async def test_a_refusal_is_told() -> None:
    log = MemoryControlLog()
    refused = Checked((Finding("games.yaml", 1, "no"),), (), (), 7)
    assert await FolderDeploys(FOLDER, control(outcome=refused), log).deploy(FILES) == refused
    assert [entry.outcome for entry in log.entries] == ["asked", "catalog_invalid"]


@pytest.mark.parametrize(("outcome", "code"), [(Overtaken(8), "invalid_state"), (KeyTaken(), "idempotency_conflict")])
async def test_what_did_not_come_into_force_is_told_by_its_own_code(outcome: Overtaken | KeyTaken, code: str) -> None:
    log = MemoryControlLog()
    deploys = FolderDeploys(FOLDER, control(outcome=outcome), log)
    for _ in range(3):
        assert await deploys.deploy(FILES) == outcome
    assert [entry.outcome for entry in log.entries] == ["asked", code]


async def test_an_outage_is_told_once_per_content_and_then_how_it_ended() -> None:
    class Flaky(ScriptedControl):
        away = True

        async def deploy(self, *asked: Any, **more: Any) -> Any:
            if self.away:
                raise ControlUnavailable("the supervisor does not answer")
            return await super().deploy(*asked, **more)

    log, flaky = MemoryControlLog(), Flaky()
    deploys = FolderDeploys(FOLDER, cast(CatalogControl, flaky), log)
    for files in (FILES, FILES, FILES, {"games.yaml": b"games: {a: {}}"}):
        with pytest.raises(ControlUnavailable):
            await deploys.deploy(files)
    assert [entry.outcome for entry in log.entries] == ["asked", "outcome_unknown"] * 2
    flaky.away = False
    for _ in range(2):
        await deploys.deploy({"games.yaml": b"games: {a: {}}"})
    assert [entry.outcome for entry in log.entries[4:]] == ["done", "asked", "done"]


async def test_without_the_log_nothing_is_deployed() -> None:
    log, scripted = MemoryControlLog(), ScriptedControl()
    log.down = "away"
    with pytest.raises(LogUnavailable):
        await FolderDeploys(FOLDER, cast(CatalogControl, scripted), log).deploy(FILES)
    assert scripted.deploys == []
