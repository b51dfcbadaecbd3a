"""Deploys and clock moves through gateways that share a supervisor: judged by what is in force, done once per key."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from actors.stored_catalogs import encode_content
from actors.wire.frames import DeployCatalog
from croupier.catalog import check_bundle
from croupier.deploying.control import CatalogControl, content_of
from croupier.settings import default_catalog
from gateway.ports import Checked, Deployed
from tests.support.catalog_folder import bonus_campaign, bundle
from tests.support.gateway_doubles import RoleAuth, app_with, calling
from tests.support.shard_harness import eventually
from tests.unit.actors.conftest import _shards_run_elsewhere as _shards_run_elsewhere
from tests.unit.actors.supervision.test_supervisor import House, house

SHIPPED = bundle(default_catalog())["files"]
GIFT = bundle(default_catalog(), gift=bonus_campaign("gift", "{event: manual}"))["files"]
"""What marketing deploys."""
LIMITED = SHIPPED | {"games.yaml": SHIPPED["games.yaml"].replace("max_bet: 5000,", "max_bet: 4000,")}
"""What operations deploy."""


def as_bytes(files: Mapping[str, str]) -> dict[str, bytes]:
    return {name: content.encode() for name, content in files.items()}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[House]:
    """A running cluster with the shipped catalog in force."""
    async with house(tmp_path) as made:
        await made.supervisor()
        content = content_of(check_bundle(as_bytes(SHIPPED)), as_bytes(SHIPPED))
        await made.store.put_catalog(content.catalog.version, encode_content(content))
        supervisor = (await made.store.routing()).supervisor
        await made.client.control(supervisor, DeployCatalog(content.catalog.version, "ops"), 10)
        yield made


async def gateway(cluster: House) -> CatalogControl:
    """One more gateway's control; it has read the catalog in force."""
    row = (await cluster.store.routing()).catalog
    await eventually(lambda: cluster.client.routing is not None and cluster.client.routing.catalog == row)
    control = CatalogControl(cluster.store, cluster.client)  # type: ignore[arg-type]
    await control.start()
    return control


async def deploy(control: CatalogControl, files: Mapping[str, str], key: str, *roles: str) -> httpx.Response:
    """`POST /catalog/deploy` at that gateway."""
    async with calling(app_with(auth=RoleAuth(*roles), control=control)) as client:
        return await client.post("/catalog/deploy", json={"files": files}, headers={"idempotency-key": key})


def overtaken(control: CatalogControl, by: CatalogControl, files: Mapping[str, str], times: int = 1) -> None:
    """From now on, so many times, `by` deploys `files` between this gateway's check and its deploy."""
    check, left = control.check, [files if number % 2 == 0 else SHIPPED for number in range(times)]

    async def checked(candidate: Mapping[str, bytes]) -> Checked:
        found = await check(candidate)
        if left:
            assert isinstance(await by.deploy(as_bytes(left.pop(0)), "ops"), Deployed)
        return found

    control.check = checked  # type: ignore[method-assign]


async def test_who_was_overtaken_is_judged_by_what_is_in_force_now(cluster: House) -> None:
    """Operations have just put another games.yaml in force: marketing's older copy may not take that back."""
    marketing, ops = await gateway(cluster), await gateway(cluster)
    overtaken(marketing, ops, LIMITED)
    refused = await deploy(marketing, GIFT, "k1", "marketing_manager")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "games.yaml" in refused.json()["detail"]
    assert ops.in_force() == marketing.in_force()
    assert (ops.in_force().number, ops.in_force().by) == (3, "ops")


async def test_who_was_overtaken_and_may_is_told_the_difference_to_what_it_replaced(cluster: House) -> None:
    both, ops = await gateway(cluster), await gateway(cluster)
    overtaken(both, ops, LIMITED)
    answer = (await deploy(both, GIFT, "k1", "marketing_manager", "ops")).json()
    assert (answer["number"], answer["diff"]["added"]) == (4, ["campaigns.gift"])
    assert {change["to"] for change in answer["diff"]["changed"] if change["path"].startswith("games.")} == {"5000"}


async def test_who_is_overtaken_each_time_may_come_again_with_the_same_key(cluster: House) -> None:
    both, ops = await gateway(cluster), await gateway(cluster)
    overtaken(both, ops, LIMITED, times=5)
    refused = await deploy(both, GIFT, "k1", "marketing_manager", "ops")
    assert (refused.status_code, refused.json()["retryable"]) == (503, True)
    assert ops.in_force().number == 7
    assert (await deploy(both, GIFT, "k1", "marketing_manager", "ops")).json()["number"] == 8


async def test_a_key_is_known_at_every_gateway(cluster: House) -> None:
    """Also after another deploy, which the repeat neither takes back nor is judged by."""
    here, there = await gateway(cluster), await gateway(cluster)
    first = await deploy(here, GIFT, "k1", "marketing_manager")
    assert (first.status_code, first.json()["replayed"]) == (200, False)
    assert (await deploy(there, LIMITED, "k2", "ops", "marketing_manager")).json()["number"] == 4
    again = await deploy(there, GIFT, "k1", "marketing_manager")
    assert (again.status_code, again.json()) == (200, first.json() | {"replayed": True})
    other = await deploy(here, SHIPPED, "k1", "ops", "marketing_manager")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert (await cluster.store.routing()).catalog.number == 4  # type: ignore[union-attr]


async def test_the_clock_moves_once_whichever_gateway_is_asked(cluster: House) -> None:
    answers: list[Any] = []
    for control, seconds in ((await gateway(cluster), 60), (await gateway(cluster), 60), (await gateway(cluster), 61)):
        async with calling(app_with(control=control)) as client:
            body, headers = {"advance_seconds": seconds}, {"idempotency-key": "k1"}
            answers.append((await client.post("/sandbox/clock", json=body, headers=headers)).json())
    assert (answers[0]["offset_seconds"], answers[0]["replayed"]) == (60, False)
    assert answers[1] == answers[0] | {"replayed": True}
    assert answers[2]["code"] == "idempotency_conflict"
    assert (await cluster.store.routing()).clock_offset_ms == 60_000
