"""Four eyes over deploys: what is approved is exactly what was proposed, over the catalog that it was compared with."""

import pytest

from gateway.four_eyes import approvals as four_eyes
from gateway.ports import Checked
from tests.unit.gateway.routes.proposing import House, Strict

CHANGED = ("campaigns/spring.yaml", "platform.yaml")
WHY = "The campaign spring has a budget of 5.00 EUR; more than 1.00 EUR needs two persons."
BUNDLE = {"files": {"games.yaml": "games: {}"}}


def deploying(base: int = 7) -> House:
    return House(control=Strict(Checked((), (), CHANGED, base, WHY)))


async def test_a_deploy_waits_for_somebody_who_may_deploy_the_same_files() -> None:
    house = deploying()
    response = await house.ask("max", "/catalog/deploy", BUNDLE)
    assert (response.status_code, response.json()["why"], house.control.deploys) == (202, WHY, [])
    approval_id = response.json()["approval_id"]
    for who in ("olga", "mia"):
        assert (await house.approve(who, approval_id)).json()["code"] == "forbidden"
    assert (await house.approve("max", approval_id)).json()["code"] == "own_proposal"
    assert (await house.approve("tom", approval_id)).json()["status"] == "done"
    ((files, by, command_id),) = house.control.deploys
    assert (dict(files), by, command_id) == ({"games.yaml": b"games: {}"}, "max", "max:k1")
    deployed = [entry for entry in house.log.entries if entry.operation == "POST /catalog/deploy"][-1]
    assert (deployed.who, deployed.approved_by, deployed.outcome, deployed.after["number"]) == ("max", "tom", "done", 8)


async def test_a_deploy_is_approved_only_over_the_catalog_that_it_was_compared_with() -> None:
    house = deploying()
    approval_id = (await house.ask("max", "/catalog/deploy", BUNDLE)).json()["approval_id"]
    house.control.checked = Checked((), (), CHANGED, 8, WHY)
    response = await house.approve("tom", approval_id)
    assert (response.status_code, response.json()["code"]) == (409, "invalid_state")
    assert "propose it anew" in response.json()["detail"]
    assert house.control.deploys == []


async def test_who_may_not_deploy_a_file_can_not_propose_it_either() -> None:
    response = await deploying().ask("mia", "/catalog/deploy", BUNDLE)
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")


async def test_what_is_too_large_to_wait_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(four_eyes, "BODY_BYTES_MAX", 10)
    response = await deploying().ask("max", "/catalog/deploy", BUNDLE)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
