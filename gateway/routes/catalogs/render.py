"""Campaigns of the catalog in force, in a reader's language, as JSON of the API."""

from engine.catalog import Campaign, Eligibility, TriggerCondition, TriggerEvent
from gateway.documents.values import decimal, euros, rfc3339
from gateway.ports import CampaignFigures
from gateway.routes.catalogs.schemas import CampaignJson, CountriesJson, EligibilityJson, LimitsJson, TriggerJson
from gateway.texts import Texts, campaign_key


def campaign(of: Campaign, texts: Texts, language: str, so_far: CampaignFigures) -> CampaignJson:
    """A campaign and what has become of it `so_far`."""
    budget = of.limits.budget_micro_eur
    limits = LimitsJson(
        of.per_player, of.limits.per_ip, of.limits.per_device, None if budget is None else euros(budget)
    )
    return CampaignJson(
        campaign_id=of.campaign_id,
        name=texts.lookup(language, campaign_key(of.campaign_id, "name")),
        description=texts.lookup(language, campaign_key(of.campaign_id, "description")),
        language=language,
        type=of.type,
        trigger=_trigger(of.trigger, of.condition),
        valid_from=rfc3339(of.valid_from_ms),
        valid_to=rfc3339(of.valid_to_ms),
        eligibility=_eligibility(of.eligibility),
        limits=limits,
        opt_in=of.opt_in,
        workflow=of.workflow,
        points_multiplier=None if of.points_multiplier_micro is None else decimal(of.points_multiplier_micro),
        issued=so_far.issued,
        redeemed=so_far.redeemed,
        expired=so_far.expired,
        active=so_far.active,
        budget_left_eur=_left(budget, so_far.used_micro_eur),
    )


def _left(budget: int | None, used: int | None) -> str | None:
    return None if budget is None or used is None else euros(max(0, budget - used))


def _trigger(event: TriggerEvent, condition: TriggerCondition) -> TriggerJson:
    eur = None if condition.eur_micro is None else decimal(condition.eur_micro)
    return TriggerJson(
        event=event,
        nth=condition.nth,
        name=condition.name,
        eur=eur,
        to=condition.to,
        days=condition.days,
        code=condition.code,
    )


def _eligibility(of: Eligibility) -> EligibilityJson:
    return EligibilityJson(
        CountriesJson(of.countries_allow, of.countries_deny),
        of.levels,
        of.segments,
        of.currencies,
        of.min_deposit,
        bool(of.players),
    )
