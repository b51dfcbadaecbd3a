"""What the server says of itself: the OpenAPI document, its page, metrics and where to scrape them."""

import httpx
import pytest

from feeds.public.catalogue import FAMILIES
from gateway.route_table import ROUTES
from tests.e2e.sandbox import Sandbox
from tests.support.croupier_up import Api

pytestmark = pytest.mark.timeout(240)


def test_every_route_is_in_the_document_hot_ones_included(sandbox: Sandbox) -> None:
    document = sandbox.api.plain("GET", "/openapi.json").json()
    documented = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert documented >= set(ROUTES)
    spin = document["paths"]["/spin"]["post"]
    assert {"200", "400", "401", "402", "409", "503"} <= set(spin["responses"])
    assert "Idempotency-Key" in [parameter["name"] for parameter in spin["parameters"]]


def test_every_public_event_is_in_the_document_of_the_bus(api: Api) -> None:
    document = api.plain("GET", "/asyncapi.json").json()
    told = {name for channel in document["channels"].values() for name in channel["messages"]}
    assert told == set(FAMILIES)
    assert document["channels"]["bets"]["address"] == "croupier.bets"


def test_the_docs_page_is_served(api: Api) -> None:
    page = api.plain("GET", "/docs")
    assert (page.status_code, "/openapi.json" in page.text) == (200, True)


def test_health(api: Api) -> None:
    assert api.plain("GET", "/health/live").json()["status"] == "live"
    assert api.plain("GET", "/health/ready").json()["status"] == "ready"


def test_the_fixed_metrics_of_gateway_and_shards_can_be_scraped(api: Api) -> None:
    targets = {entry["labels"]["job"]: entry["targets"][0] for entry in api.plain("GET", "/metrics/targets").json()}
    assert targets["croupier-gateway"] == api.url.removeprefix("http://")
    scraped = {job: httpx.get(f"http://{target}/metrics").text for job, target in targets.items()}
    assert "spin_seconds_bucket" in scraped["croupier-gateway"]
    for name in ("spin_handle_seconds", "journal_commit_seconds", "journal_batch_size", "shard_recovery_seconds"):
        assert f"{name}_bucket" in scraped["croupier-shard"]


def test_the_catalog_in_force_has_a_version(api: Api) -> None:
    assert len(api.person("ops", "GET", "/catalog").json()["version"]) >= 12


@pytest.mark.parametrize("route", ["/cluster", "/catalog"])
def test_machines_do_not_see_operations(api: Api, route: str) -> None:
    assert api.game("GET", route).json()["code"] == "forbidden"
