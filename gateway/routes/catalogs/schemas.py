"""The JSON of the API: campaigns, the catalog and the sandbox clock. Amounts in minor units by currency."""

from typing import Any

from engine.catalog import CampaignType, TriggerEvent
from gateway.documents.base import Json


class TriggerJson(Json, omit_defaults=True):
    """What a campaign waits for; only the condition that belongs to the event is there."""

    event: TriggerEvent
    nth: int | None = None
    name: str | None = None
    eur: str | None = None
    to: str | None = None
    days: int | None = None
    code: str | None = None


class CountriesJson(Json):
    """`allow`: nobody else; `deny`: everybody but these. An empty list restricts nobody."""

    allow: tuple[str, ...]
    deny: tuple[str, ...]


class EligibilityJson(Json):
    """Who a campaign is for; a field that is empty restricts nobody. `personal`: only players the campaign names."""

    countries: CountriesJson
    levels: tuple[str, ...]
    segments: tuple[str, ...]
    currencies: tuple[str, ...]
    min_deposit: dict[str, int]
    personal: bool


class LimitsJson(Json):
    """`budget_eur` is a decimal string with two digits; None: no limit."""

    per_player: int
    per_ip: int | None
    per_device: int | None
    budget_eur: str | None


class CampaignJson(Json):
    """A campaign of the catalog in force, with its texts, and what has become of it so far, under any catalog.

    `issued`: awards that reached a player, as a bonus, free spins, or both in one. `redeemed`: how many times an
    award's money was released to the wallet, its wagering done. `expired`: issued awards that ended by their date.
    `active`: issued awards that have not ended yet. `budget_left_eur` has two digits, rounded down; None without a
    budget. All of these are None while they can't be told.
    """

    campaign_id: str
    name: str | None
    description: str | None
    language: str
    type: CampaignType
    trigger: TriggerJson
    valid_from: str
    valid_to: str
    eligibility: EligibilityJson
    limits: LimitsJson
    opt_in: bool
    workflow: str
    points_multiplier: str | None
    issued: int | None
    redeemed: int | None
    expired: int | None
    active: int | None
    budget_left_eur: str | None


class CampaignsJson(Json):
    """Campaigns in order of their ids."""

    campaigns: list[CampaignJson]


class CatalogJson(Json):
    """The catalog in force: content hash, running number, since when, and who deployed it."""

    version: str
    number: int
    at: str
    by: str


class FindingJson(Json):
    """A problem, for which a catalog is refused, or a warning, with which it is accepted."""

    file: str
    line: int
    reason: str


class CheckedJson(Json):
    """The problems and warnings of a candidate catalog; without problems it can be deployed."""

    problems: list[FindingJson]
    warnings: list[FindingJson]


class DeployedJson(Json):
    """A catalog is in force; `diff` is what it changed: `added`, `removed`, `changed` (path, from, to), `left_off`."""

    version: str
    number: int
    diff: dict[str, Any]
    replayed: bool


class ClockJson(Json):
    """The time that holds now, and how far it runs ahead of real time; a replay has them as they were set then."""

    now: str
    offset_seconds: int
    replayed: bool
