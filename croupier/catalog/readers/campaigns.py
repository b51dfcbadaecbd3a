"""Campaign files: read, checked against the rest of the catalog, and turned into the engine's types (rules §6).

Fields that the engine does not honour are refused, never ignored: else the file would promise players what they never
get.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, cast, get_args

from croupier.catalog.places import Place, Section
from croupier.catalog.readers.eligibility import read_eligibility, read_limits
from croupier.catalog.readers.terms import VALID_DAYS_MAX, WAGER_TOTAL_MAX, TermsReader, bonus_max, wager_total_max
from croupier.catalog.readers.triggers import read_trigger
from croupier.catalog.readers.values import NO_LEVELS, Vocabulary, known
from engine.amounts import AMOUNT_MAX
from engine.catalog import CASHBACK, REDEMPTION, Campaign, CampaignType
from engine.identifiers import SLUG

CAMPAIGN_ID: Final = re.compile(SLUG)
CAMPAIGN_FIELDS: Final = (
    "id",
    "type",
    "trigger",
    "valid_from",
    "valid_to",
    "eligibility",
    "award",
    "wager",
    "limits",
    "workflow",
    "opt_in",
    "claim_days",
)
_OF_GRANTS: Final = ("wager", "limits", "workflow", "opt_in", "claim_days")
"""Fields that describe a grant; a points multiplier makes no grant."""


class ReadCampaign(NamedTuple):
    """A campaign, its file from the top, and where its id and its trigger stand."""

    campaign: Campaign
    top: Place
    named: Place
    trigger: Place | None


def read_campaign(top: Place, words: Vocabulary) -> ReadCampaign:
    """One campaign file. Problems are noted at their places."""
    fields = top.section(CAMPAIGN_FIELDS)
    named = fields.need("id")
    kind = cast(CampaignType, fields.need("type").choice(get_args(CampaignType)))
    trigger, condition = read_trigger(fields, kind, words)
    eligibility = read_eligibility(fields.get("eligibility"), words, trigger)
    reader = TermsReader(words, eligibility.currencies or words.currencies)
    award = reader.award(fields.need("award"), kind)
    per_player, limits = read_limits(fields.get("limits"))
    workflow, opt_in, claim_days = (fields.get(name) for name in ("workflow", "opt_in", "claim_days"))
    campaign = Campaign(
        campaign_id=_campaign_id(named),
        type=kind,
        trigger=trigger,
        valid_from_ms=fields.need("valid_from").moment(),
        valid_to_ms=fields.need("valid_to").moment(),
        eligibility=eligibility,
        bonus=award.bonus,
        free_spins=award.free_spins,
        wager=reader.wager(fields, awards_money=award.bonus is not None),
        per_player=per_player,
        condition=condition,
        limits=limits,
        workflow=known(workflow, words.workflows, "workflow", "workflows/*.yaml") if workflow else "standard",
        opt_in=opt_in.boolean() if opt_in else False,
        claim_days=claim_days.integer(1, VALID_DAYS_MAX) if claim_days else None,
        points_multiplier_micro=award.points_multiplier_micro,
    )
    _check(fields, campaign, words)
    return ReadCampaign(campaign, top, named, fields.get("trigger"))


def _campaign_id(place: Place) -> str:
    text = place.matching(CAMPAIGN_ID, "an id: use a-z, 0-9, - and _, at most 64, a letter or digit first")
    if text in (REDEMPTION, CASHBACK):
        place.problem(f"the id `{text}` belongs to what levels.yaml grants; choose another")
        return ""
    return text


def _check(fields: Section, campaign: Campaign, words: Vocabulary) -> None:
    """Notes what no single field shows: dates in the wrong order, and fields that make no sense together (rules §6)."""
    start, end = fields.get("valid_from"), fields.get("valid_to")
    if start and end and campaign.valid_from_ms and 0 < campaign.valid_to_ms <= campaign.valid_from_ms:
        end.problem("valid_to is not after valid_from: the campaign would never run")
    if campaign.type == "points_multiplier":
        _check_multiplier(fields, words)
        return
    if campaign.bonus and campaign.wager is None:
        fields.need("wager")
    _check_bonus(fields, campaign, words)
    _check_wager(fields, campaign, words)
    _check_winnings(fields, campaign)


def _check_multiplier(fields: Section, words: Vocabulary) -> None:
    if words.levels is None:
        fields.need("type").problem(f"{NO_LEVELS} to multiply")
    for name in _OF_GRANTS:
        if stranger := fields.get(name):
            stranger.problem(f"`{name}` says something about a bonus; points_multiplier grants none, remove this field")


def _check_bonus(fields: Section, campaign: Campaign, words: Vocabulary) -> None:
    """Notes a bonus that the highest `bonus_multiplier` of a level would make larger than an amount may be (§8)."""
    place, bonus = fields.get("award"), campaign.bonus
    if place and bonus and (most := bonus_max(bonus, words.bonus_multiplier_micro)) > AMOUNT_MAX:
        place.problem(
            f"with the highest bonus_multiplier of levels.yaml it would be {most}; at most {AMOUNT_MAX} is allowed"
        )


def _check_wager(fields: Section, campaign: Campaign, words: Vocabulary) -> None:
    place, wager, bonus = fields.get("wager"), campaign.wager, campaign.bonus
    if place is None or wager is None:
        return
    if wager.basis == "bonus_plus_deposit" and (bonus is None or bonus.match_percent_micro is None):
        place.problem("basis `bonus_plus_deposit` needs a bonus with `match_percent`: nothing else matches a deposit")
    if bonus and (total := wager_total_max(bonus, wager, words.bonus_multiplier_micro)) > WAGER_TOTAL_MAX:
        place.problem(f"up to {total} would have to be wagered; lower the multiplier or the bonus")


def _check_winnings(fields: Section, campaign: Campaign) -> None:
    """Notes winnings of free spins without `wager.valid_days`: they would end with the campaign, which the spins
    outlive.
    """
    spins, wager, award = campaign.free_spins, campaign.wager, fields.get("award")
    if award is None or spins is None or not spins.wager_multiplier_micro:
        return
    if wager is None or wager.valid_days is None:
        (fields.get("wager") or award).problem(
            "what free spins win would expire with the campaign, and at once if they are played after its end; "
            "write valid_days in the `wager` block"
        )


def check_codes(read: Mapping[str, ReadCampaign]) -> None:
    """Notes every bonus code that two campaigns have at the same time: nobody could tell which one a player means."""
    coded = [entry for entry in read.values() if entry.campaign.condition.code]
    for index, later in enumerate(coded):
        for earlier in coded[:index]:
            one, other = earlier.campaign, later.campaign
            overlap = max(one.valid_from_ms, other.valid_from_ms) < min(one.valid_to_ms, other.valid_to_ms)
            if overlap and later.trigger and one.condition.code == other.condition.code:
                reason = f"the code `{other.condition.code}` is taken by the campaign `{one.campaign_id}` at that time"
                later.trigger.problem(f"{reason}; choose another code or other dates")
