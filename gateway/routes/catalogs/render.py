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
        of.campaign_id,
        texts.lookup(language, campaign_key(of.campaign_id, "name")),
        texts.lookup(language, campaign_key(of.campaign_id, "description")),
        language,
        of.type,
        _trigger(of.trigger, of.condition),
        rfc3339(of.valid_from_ms),
        rfc3339(of.valid_to_ms),
        _eligibility(of.eligibility),
        limits,
        of.opt_in,
        of.workflow,
        None if of.points_multiplier_micro is None else decimal(of.points_multiplier_micro),
        so_far.issued,
        so_far.redeemed,
        so_far.expired,
        so_far.active,
        _left(budget, so_far.used_micro_eur),
    )


def _left(budget: int | None, used: int | None) -> str | None:
    return None if budget is None or used is None else euros(max(0, budget - used))


def _trigger(event: TriggerEvent, condition: TriggerCondition) -> TriggerJson:
    eur = None if condition.eur_micro is None else decimal(condition.eur_micro)
    return TriggerJson(event, condition.nth, condition.name, eur, condition.to, condition.days, condition.code)


def _eligibility(of: Eligibility) -> EligibilityJson:
    return EligibilityJson(
        CountriesJson(of.countries_allow, of.countries_deny),
        of.levels,
        of.segments,
        of.currencies,
        of.min_deposit,
        bool(of.players),
    )
