"""What a spin needs to know of the catalog. It is computed once per catalog, and kept for the last one asked for."""

from typing import Final, NamedTuple

from engine.catalog import Campaign, Catalog

Campaigns = tuple[Campaign, ...]
NO_CAMPAIGNS: Campaigns = ()
NEVER: Final = 2**63
"""Micro-EUR nobody reaches: the threshold beyond the highest level."""


class Index(NamedTuple):
    """`campaigns` by trigger, in order of their ids.

    `thresholds` of the campaigns that wait for turnover, micro-EUR, ascending.

    `promotions`: by level, the campaigns that multiply points for it, the highest multiplier first. `next_rung`: by
    level, the qualifying turnover in micro-EUR at which the player climbs to the next one.
    """

    catalog: Catalog | None
    campaigns: dict[str, Campaigns]
    thresholds: tuple[int, ...]
    promotions: dict[str, Campaigns]
    next_rung: dict[str, int]


_last = Index(None, {}, (), {}, {})


def index_of(catalog: Catalog) -> Index:
    """The index of this very catalog."""
    return _last if _last.catalog is catalog else _build(catalog)


def awaiting(catalog: Catalog, trigger: str) -> Campaigns:
    """Campaigns with that trigger, in order of their ids."""
    return index_of(catalog).campaigns.get(trigger, NO_CAMPAIGNS)


def _build(catalog: Catalog) -> Index:
    global _last
    campaigns: dict[str, Campaigns] = {}
    for _, campaign in sorted(catalog.campaigns.items()):
        if campaign.type != "points_multiplier":
            campaigns[campaign.trigger] = (*campaigns.get(campaign.trigger, ()), campaign)
    thresholds = sorted(each.condition.eur_micro or 0 for each in campaigns.get("turnover_reached", ()))
    _last = Index(catalog, campaigns, tuple(thresholds), _promotions(catalog), _next_rungs(catalog))
    return _last


def _promotions(catalog: Catalog) -> dict[str, Campaigns]:
    found = [campaign for campaign in catalog.campaigns.values() if campaign.type == "points_multiplier"]
    found.sort(key=lambda campaign: (-(campaign.points_multiplier_micro or 0), campaign.campaign_id))
    levels = catalog.loyalty.rungs if catalog.loyalty is not None else ()
    return {level: tuple(each for each in found if _for_level(each, level)) for level in levels}


def _for_level(campaign: Campaign, level: str) -> bool:
    return not campaign.eligibility.levels or level in campaign.eligibility.levels


def _next_rungs(catalog: Catalog) -> dict[str, int]:
    if catalog.loyalty is None:
        return {}
    levels = catalog.loyalty.levels
    above = [*(level.threshold_micro for level in levels[1:]), NEVER]
    return {level.level_id: threshold for level, threshold in zip(levels, above, strict=True)}
