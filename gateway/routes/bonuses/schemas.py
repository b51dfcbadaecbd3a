"""The JSON of the API: bonuses, free spins and awards. Field names are fixed; amounts in minor units."""

from typing import Literal

from engine.state import GrantState
from gateway.documents.base import BalanceJson, Json, ReadJson


class GrantedJson(Json):
    """One award: a grant, a free spin package, or both. `state` is the grant's; `reasons` are those of the gate."""

    campaign_id: str
    grant_id: str | None
    amount: int
    package_id: str | None
    free_spins: int
    state: GrantState
    reasons: tuple[str, ...]


class TermsJson(Json):
    """A grant's frozen terms; `multiplier` is a decimal string, contributions are percent."""

    multiplier: str
    min_bet: int | None
    max_bet: int | None
    over_max_bet: str
    excluded_games: tuple[str, ...]
    excluded_policy: str
    contribution: dict[str, dict[str, int]]
    max_cashout: int | None
    funds_order: str | None
    cancel_on_withdrawal: bool
    min_average_bet: int | None
    max_bet_counts: str


class GrantJson(Json):
    """One bonus bucket; `wagered_percent` is the part of the required wagering done, rounded down.

    `valid_to` of an initiated grant is when it lapses; `awaits` says what it waits for. `held`: the grant is set aside
    for an operator. `frozen`: an open withdrawal would take it. `free_spins` come with the grant once it is granted.
    """

    grant_id: str
    campaign_id: str
    state: GrantState
    amount: int
    balance: int
    remaining_wager: int
    wagered_percent: int
    granted_at: str
    valid_to: str
    terms: TermsJson
    reasons: tuple[str, ...]
    exhausted: bool
    awaits: tuple[Literal["claim", "approval"], ...]
    held: str | None
    frozen: bool
    free_spins: int


class BonusJson(GrantJson):
    """A grant with its campaign's texts; None if the catalog has none any more."""

    name: str | None
    description: str | None


class GrantsJson(ReadJson):
    """Grants, newest first; `language` is the one that was chosen; texts that it lacks are in English."""

    grants: list[BonusJson]
    language: str


class FreeSpinsJson(Json):
    """A free spin package. `frozen`: an open withdrawal would take it, so it can't be used meanwhile."""

    package_id: str
    campaign_id: str
    games: tuple[str, ...]
    free_spins_remaining: int
    free_spin_bet_amount: int
    valid_from: str
    valid_to: str
    frozen: bool


class ManualGrantJson(Json):
    """What the operator granted. A grant that the gate declines is the refusal `grant_declined` instead."""

    player_id: str
    granted: GrantedJson
    balance: BalanceJson
    replayed: bool


class GrantStateJson(Json):
    """A grant, or a package that was given up, after an opt-in, verdict, release or cancellation."""

    player_id: str
    grant_id: str
    campaign_id: str
    state: GrantState
    reasons: tuple[str, ...]
    balance: BalanceJson
    replayed: bool


class RemovedJson(Json):
    """What would be taken away: bonus money, and a number of free spins."""

    bonus: int
    free_spins: int


class KeptJson(Json):
    """What would stay."""

    real: int


class CancelPreviewJson(ReadJson):
    """What giving up a grant or a package would do."""

    removed: RemovedJson
    kept: KeptJson
