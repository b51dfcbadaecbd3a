"""What Prometheus reads from a gateway."""

from collections.abc import Mapping, Sequence

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from engine.catalog import Campaign, Catalog
from engine.control_entries import ControlEntry
from gateway.figures import CAMPAIGNS_SHOWN_MAX, FRESH_S, HouseFigures
from gateway.metrics import GatewayMetrics
from gateway.ports import CampaignFigures, ControlUnavailable, Population
from tests.support.gateway_doubles import SPIN, MemoryControlLog, QuietCluster, ScriptedControl, app_with, calling, send


def samples(exposition: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("took_ns", "first_bucket"),
    [
        (0, "1e-05"),
        (100_000, "0.0001"),
        (100_001, "0.00015"),
        (999_999, "0.001"),
        (5_000_000_000, "5.0"),
        (6 * 10**9, "+Inf"),
    ],
)
def test_a_spin_falls_into_its_bucket_and_all_above(took_ns: int, first_bucket: str) -> None:
    metrics = GatewayMetrics()
    metrics.spin("POST /spin", "ok", took_ns)
    found = samples(metrics.exposition().decode())
    buckets = {labels[0][1]: value for (name, labels), value in found.items() if name == "spin_seconds_bucket"}
    filled = [bound for bound in sorted(buckets, key=float) if buckets[bound]]
    assert (filled[0], filled[-1], buckets["+Inf"]) == (first_bucket, "+Inf", 1)
    assert found["spin_seconds_sum", ()] == pytest.approx(took_ns / 1e9)
    assert found["spin_seconds_count", ()] == 1


async def test_requests_are_counted_by_route_and_outcome() -> None:
    async with calling(app_with()) as client:
        await client.post(SPIN, headers={"idempotency-key": "k1"})
        await client.post(SPIN)
        await client.post("/spin/a/b/c")
        await send(client, "GET /players/{player_id}")
        await client.get("/players/p1?x=1")
        await client.get("/nope")
        await client.put("/players/p1", content=b"x" * 70_000)
        found = samples((await client.get("/metrics")).text)
    counted = {labels: value for (name, labels), value in found.items() if name == "gateway_requests_total"}
    assert counted == {
        (("code", "ok"), ("route", "POST /spin")): 1,
        (("code", "idempotency_key_required"), ("route", "POST /spin")): 1,
        (("code", "not_found"), ("route", "unmatched")): 2,
        (("code", "ok"), ("route", "GET /players/{player_id}")): 1,
        (("code", "invalid_request"), ("route", "GET /players/{player_id}")): 1,
        (("code", "body_too_large"), ("route", "unmatched")): 1,
    }
    assert found["spin_seconds_count", ()] == 3
    assert (found["registered_players", ()], found["avg_points_per_user", ()]) == (4, 2.5)
    assert any(name == "process_cpu_seconds_total" for name, _ in found)


class Counting(ScriptedControl):
    """Tells how often campaigns were asked for, and may have nothing to tell."""

    silent = False
    counted = 0

    async def population(self) -> Population | None:
        self.counted += 1
        return None if self.silent else await super().population()

    async def figures(self, campaigns: Sequence[Campaign]) -> Mapping[str, CampaignFigures]:
        asked = await super().figures(campaigns)
        return {} if self.silent else asked


def shown(figures: HouseFigures) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    registry = CollectorRegistry()
    registry.register(figures)
    return samples(generate_latest(registry).decode())


async def test_campaigns_levels_and_points_are_shown_as_the_store_counts_them() -> None:
    now, log = [0.0], MemoryControlLog()
    log.entries += [ControlEntry(0, "ann", "ops", "POST /catalog/deploy")] * 5
    log.gone = 2
    control = Counting(figures=CampaignFigures(7, 3, 2, 2, 40_000_000))
    figures = HouseFigures(QuietCluster(""), control, log, lambda: now[0])
    await figures.refresh()
    found = shown(figures)
    of = next(each for each in control.catalog().campaigns.values() if each.limits.budget_micro_eur is not None)
    campaign = ("campaign", of.campaign_id)
    assert {state: found["campaign_awards", (campaign, ("state", state))] for state in CampaignFigures._fields[:4]} == {
        "issued": 7, "redeemed": 3, "expired": 2, "active": 2,
    }  # fmt: skip
    assert found["campaign_budget_used_eur", (campaign,)] == 40
    assert found["campaign_budget_eur", (campaign,)] == of.limits.budget_micro_eur / 1_000_000  # type: ignore[operator]
    assert found["players_on_level", (("level", "bronze"), ("rung", "0"))] == 3
    assert (found["points_available", ()], found["gateway_ready", ()]) == (10, 1)
    assert found["control_log_entries", ()] == 3
    await figures.refresh()
    assert (len(control.figures_asked), control.counted) == (1, 1), "asked again too soon"
    now[0] = FRESH_S
    await figures.refresh()
    assert (len(control.figures_asked), control.counted) == (2, 2)


async def test_what_the_store_does_not_tell_is_left_out() -> None:
    control = Counting()
    control.silent = True
    log = MemoryControlLog()
    log.down = "away"
    figures = HouseFigures(QuietCluster("shard s1 is recovering"), control, log)
    await figures.refresh()
    assert shown(figures) == {("gateway_ready", ()): 0}


async def test_before_a_catalog_is_in_force_a_gateway_has_metrics_all_the_same() -> None:
    class Starting(ScriptedControl):
        def catalog(self) -> Catalog:
            raise ControlUnavailable("no catalog is in force yet")

    async with calling(app_with(control=Starting())) as client:
        response = await client.get("/metrics")
    assert response.status_code == 200
    found = samples(response.text)
    assert ("gateway_ready", ()) in found and ("registered_players", ()) not in found


class ManyCampaigns(ScriptedControl):
    """A catalog of more campaigns than are shown, one ending after the other."""

    def catalog(self) -> Catalog:
        one = next(iter(super().catalog().campaigns.values()))
        days = range(CAMPAIGNS_SHOWN_MAX + 50)
        many = {f"c{day}": replace(one, campaign_id=f"c{day}", valid_to_ms=day) for day in days}
        return replace(super().catalog(), campaigns=many)


async def test_of_too_many_campaigns_those_that_end_last_are_shown() -> None:
    control = ManyCampaigns(figures=CampaignFigures(1, 0, 0, 1))
    figures = HouseFigures(QuietCluster(""), control, MemoryControlLog())
    await figures.refresh()
    found = {dict(labels)["campaign"] for name, labels in shown(figures) if name == "campaign_awards"}
    assert found == {f"c{day}" for day in range(50, CAMPAIGNS_SHOWN_MAX + 50)}
