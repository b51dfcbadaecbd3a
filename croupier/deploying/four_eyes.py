"""Which deploys wait for a second person, by the `four_eyes` of the catalog in force (platform.yaml)."""

from engine.catalog import Campaign, Catalog, FourEyes
from gateway.documents.values import euros


def second_person_for(in_force: Catalog, candidate: Catalog) -> str:
    """Why a second person must approve the candidate, in one sentence; "" if nobody needs to.

    The rules are those in force: a catalog that changes them is approved by them.
    """
    rules = in_force.four_eyes
    if rules != FourEyes() and candidate.four_eyes != rules:
        return "platform.yaml changes what two persons must agree on (four_eyes)."
    limit = rules.campaign_budget_micro_eur
    if limit is None:
        return ""
    for campaign_id, campaign in sorted(candidate.campaigns.items()):
        if _costs_more(in_force.campaigns.get(campaign_id), campaign, limit):
            budget = campaign.limits.budget_micro_eur
            has = "no budget" if budget is None else f"a budget of {euros(budget)} EUR"
            return f"The campaign {campaign_id} has {has}; more than {euros(limit)} EUR needs two persons."
    return ""


def _costs_more(former: Campaign | None, campaign: Campaign, limit: int) -> bool:
    """Whether the budget (micro-EUR, None: endless) is above the limit, and above what it was."""
    budget = campaign.limits.budget_micro_eur
    if campaign.type == "points_multiplier" or (budget is not None and budget <= limit):
        return False
    if former is None:
        return True
    was = former.limits.budget_micro_eur
    return was is not None and (budget is None or budget > was)
