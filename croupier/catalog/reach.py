"""Warns of campaigns that reach nobody: they have ended, or no level or country matches (rules §6)."""

from collections.abc import Sequence

from croupier.catalog.places import Problem
from croupier.catalog.readers.campaigns import ReadCampaign
from engine.catalog import Campaign, Catalog, Level
from engine.expiry import is_over
from gateway.documents.values import rfc3339

_LISTS = (("levels",), ("countries", "allow"), ("countries", "deny"), ("segments",), ("players",), ("currencies",))


def levels_reached(catalog: Catalog, campaign: Campaign) -> tuple[Level, ...] | None:
    """The levels whose players can have the campaign; None without a ladder. Nobody climbs to the first level."""
    if catalog.loyalty is None:
        return None
    ladder = catalog.loyalty.levels
    if campaign.trigger == "level_up":
        ladder = tuple(level for level in ladder[1:] if campaign.condition.to in (None, level.level_id))
    allowed = campaign.eligibility.levels
    return tuple(level for level in ladder if not allowed or level.level_id in allowed)


def warn_of_unreachable(catalog: Catalog, entries: Sequence[ReadCampaign], now_ms: int) -> list[Problem]:
    """Warnings at their places; `now_ms` is the time (Unix ms) at which the catalog is looked at."""
    warnings: list[Problem] = []
    for entry in entries:
        for path, reason in _reasons(catalog, entry, now_ms):
            place = entry.top.find(*path)
            warnings.append(Problem(place.file, place.line, reason))
    return warnings


def _reasons(catalog: Catalog, entry: ReadCampaign, now_ms: int) -> list[tuple[tuple[str, ...], str]]:
    campaign = entry.campaign
    found = [(("eligibility", *path), reason) for path, reason in _empty_lists(entry)]
    if is_over(campaign, now_ms):
        ended = f"the campaign ended at {rfc3339(campaign.valid_to_ms)}; write a later valid_to, or remove the file"
        found.append((("valid_to",), ended))
    if levels_reached(catalog, campaign) == ():
        found.append((("eligibility", "levels"), _no_level(campaign)))
    allowed, denied = campaign.eligibility.countries_allow, catalog.fraud.denied_countries
    if allowed and campaign.type != "points_multiplier" and set(allowed) <= set(denied):
        reason = f"fraud.yaml denies {', '.join(allowed)} every award, and no other country is allowed here: "
        found.append((("eligibility", "countries"), reason + "nobody can get it; allow another country"))
    return found


def _empty_lists(entry: ReadCampaign) -> list[tuple[tuple[str, ...], str]]:
    """Lists without a member: such a list restricts nobody, although it looks as if nobody were allowed."""
    reason = "this list is empty, which means no restriction; name somebody, or leave the field out"
    return [(path, reason) for path in _LISTS if entry.top.find("eligibility", *path).is_empty_list]


def _no_level(campaign: Campaign) -> str:
    climbed = f"to `{campaign.condition.to}`" if campaign.condition.to else "above the first level"
    named = ", ".join(campaign.eligibility.levels)
    return (
        f"it is triggered by climbing {climbed}, but only for {named}: nobody can get it; "
        "name the level that is climbed to, or leave `levels` out"
    )
