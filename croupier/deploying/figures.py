"""What has become of campaigns, from the store: awards as counted with the journal, budgets as reserved."""

from collections.abc import Mapping, Sequence

from engine.catalog import Campaign
from engine.tally import ACTIVE, EXPIRED, ISSUED, REDEEMED, tally_name
from gateway.ports import CampaignFigures
from snapshots.contract import Store

_COUNTED = (ISSUED, REDEEMED, EXPIRED, ACTIVE)


async def read_figures(store: Store, campaigns: Sequence[Campaign]) -> Mapping[str, CampaignFigures]:
    """By campaign id; two reads of the store for all of them. Raises StoreError."""
    counters = [tally_name(name, campaign.campaign_id) for campaign in campaigns for name in _COUNTED]
    counted = await store.tallies(counters)
    with_budget = [campaign.campaign_id for campaign in campaigns if campaign.limits.budget_micro_eur is not None]
    used = await store.usage(with_budget) if with_budget else {}
    return {campaign.campaign_id: _figures(campaign.campaign_id, counted, used) for campaign in campaigns}


def _figures(campaign_id: str, counted: Mapping[str, int], used: Mapping[str, int]) -> CampaignFigures:
    issued, redeemed, expired, active = (counted[tally_name(name, campaign_id)] for name in _COUNTED)
    return CampaignFigures(issued, redeemed, expired, active, used.get(campaign_id))
