"""What a gateway shows of the house for Prometheus: players, points, levels and campaigns, as the store counts them."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.amounts import MICRO
from engine.catalog import Campaign, Catalog
from gateway.ports import (
    CampaignFigures,
    ClusterPort,
    ControlLogPort,
    ControlPort,
    ControlUnavailable,
    LogUnavailable,
    Population,
)

FRESH_S: Final = 5.0
"""Figures are read again when they are older: whoever asks for `/metrics` can't keep the store busy."""
CAMPAIGNS_SHOWN_MAX: Final = 200
"""More campaigns than these are not shown; those that end last come first."""


class HouseFigures(Collector):
    """Every gateway shows the same figures: `max by (…)` of them, not their sum, is the house's."""

    def __init__(
        self,
        cluster: ClusterPort,
        control: ControlPort,
        control_log: ControlLogPort,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._control, self._control_log, self._clock = cluster, control, control_log, clock
        self._entries: int | None = None
        self._read_s = float("-inf")
        self._catalog: Catalog | None = None
        self._population: Population | None = None
        self._shown: list[Campaign] = []
        self._figures: Mapping[str, CampaignFigures] = {}

    async def refresh(self) -> None:
        """Reads the figures again, unless they are fresh. What isn't known now is left out, not guessed.

        Before the first catalog is in force nothing of the house is known.
        """
        if self._clock() - self._read_s < FRESH_S:
            return
        self._read_s = self._clock()
        self._entries = await self._entries_held()
        try:
            self._catalog = self._control.catalog()
            self._population = await self._control.population()
        except ControlUnavailable:
            self._catalog, self._population, self._shown, self._figures = None, None, [], {}
            return
        self._shown = _latest(self._catalog)
        self._figures = await self._control.figures(self._shown)

    async def _entries_held(self) -> int | None:
        """How many entries the control log has, which is full some day; None: not known now."""
        try:
            oldest, newest = await self._control_log.oldest(), await self._control_log.before(None, 1)
        except LogUnavailable:
            return None
        return newest[0][0] - oldest[0] + 1 if oldest is not None and newest else 0

    def collect(self) -> Iterator[Metric]:
        """What Prometheus reads."""
        ready, _ = self._cluster.ready()
        yield GaugeMetricFamily("gateway_ready", "1: every slot of players has a serving shard", value=int(ready))
        if self._entries is not None:
            held = "Entries of the control log that the store holds; a million are the most"
            yield GaugeMetricFamily("control_log_entries", held, value=self._entries)
        if self._population is not None:
            yield from _people(self._population)
            yield from self._points(self._population)
        yield from self._campaigns()

    def _points(self, population: Population) -> Iterator[Metric]:
        """`points_liability_eur` is left out if points can't be redeemed."""
        points = population.points_micro / MICRO
        yield GaugeMetricFamily("points_available", "Points that players have and have not redeemed", value=points)
        rules = None if self._catalog is None else self._catalog.loyalty
        if rules is not None and rules.redemption is not None:
            worth = points / rules.redemption.points_per_eur
            yield GaugeMetricFamily("points_liability_eur", "What the points would buy, in EUR", value=worth)

    def _campaigns(self) -> Iterator[Metric]:
        awards = GaugeMetricFamily("campaign_awards", "Awards by what became of them", labels=("campaign", "state"))
        used = GaugeMetricFamily(
            "campaign_budget_used_eur", "Budget reserved and granted, in EUR", labels=("campaign",)
        )
        budget = GaugeMetricFamily("campaign_budget_eur", "Budget as the campaign says, in EUR", labels=("campaign",))
        for campaign in self._shown:
            figures = self._figures.get(campaign.campaign_id)
            if figures is None:
                continue
            for state in ("issued", "redeemed", "expired", "active"):
                count = getattr(figures, state)
                if count is not None:
                    awards.add_metric((campaign.campaign_id, state), count)
            limit = campaign.limits.budget_micro_eur
            if limit is not None and figures.used_micro_eur is not None:
                used.add_metric((campaign.campaign_id,), figures.used_micro_eur / MICRO)
                budget.add_metric((campaign.campaign_id,), limit / MICRO)
        yield from (awards, used, budget)


def _latest(catalog: Catalog) -> list[Campaign]:
    campaigns = sorted(catalog.campaigns.values(), key=lambda each: (-each.valid_to_ms, each.campaign_id))
    return campaigns[:CAMPAIGNS_SHOWN_MAX]


def _people(population: Population) -> Iterator[Metric]:
    players, points = population.players, population.points_micro / MICRO
    yield GaugeMetricFamily("registered_players", "Registered players, of all shards", value=players)
    mean = points / players if players else 0
    yield GaugeMetricFamily("avg_points_per_user", "Points available per registered player", value=mean)
    levels = GaugeMetricFamily("players_on_level", "Registered players by level", labels=("level", "rung"))
    for rung, (level, count) in enumerate(population.levels.items()):
        levels.add_metric((level, str(rung)), count)
    yield levels
