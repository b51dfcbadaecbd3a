"""JSON Schemas of the catalog's YAML files, for editors that complete and check the files while somebody types.

The schemas are made from the tables and bounds of the loader, so that both know the same fields. What only a whole
catalog shows (currencies, games, dates in order) is left to `croupier catalog check`. After a change of the loader run
`python -m croupier.catalog.schema`; a test fails if the files in `catalog/schema` are not up to date.

Only its tests and its own program call it.
"""

import json
from pathlib import Path
from typing import Final, get_args

from croupier.catalog.readers.campaigns import CAMPAIGN_FIELDS, CAMPAIGN_ID
from croupier.catalog.readers.eligibility import ELIGIBILITY_FIELDS, LIMITS_FIELDS, PER_PLAYER_MAX, SHARED_COUNT_MAX
from croupier.catalog.readers.fraud import (
    COUNTED_SIGNALS,
    FRAUD_FIELDS,
    MORE_THAN_MAX,
    PERIOD_DAYS_MAX,
    SIGNALS,
    WINDOW_DAYS_MAX,
)
from croupier.catalog.readers.platform import FLAGS, FOUR_EYES_FIELDS, GAME_FIELDS, PLATFORM_FIELDS
from croupier.catalog.readers.terms import (
    AWARD_FIELDS,
    BONUS_FIELDS,
    FREE_SPINS_FIELDS,
    FREE_SPINS_MAX,
    VALID_DAYS_MAX,
    WAGER_FIELDS,
    Basis,
)
from croupier.catalog.readers.triggers import (
    CODE,
    CONDITIONS,
    EVENT_NAME,
    NTH_MAX,
    OPTIONAL_CONDITIONS,
    SILENCE_DAYS_MAX,
    TRIGGERS,
)
from croupier.catalog.readers.values import (
    CONTRIBUTION_MAX_PERCENT,
    COUNTRY_CODE,
    CURRENCY_CODE,
    GAME_ID,
    GAME_TYPES,
    LEVEL_ID,
    PLAYER_ID,
    SEGMENT,
    TIMEOUT_HOURS_MAX,
)
from croupier.catalog.readers.workflows import STATES, TRANSITION_FIELDS, TRANSITIONS_MAX, WORKFLOW_FIELDS, WORKFLOW_ID
from croupier.catalog.schema.levels import levels
from croupier.catalog.schema.parts import (
    BOOLEAN,
    DECIMAL,
    MOMENT,
    TEXT,
    Schema,
    amounts,
    eur,
    group,
    integer,
    list_of,
    matching,
    named,
    one_of,
)
from engine.amounts import AMOUNT_MAX
from engine.catalog import CampaignType, ExcludedPolicy, FundsOrder, MaxBetCounts, OverMaxBet, TimeoutAction, Verdict
from engine.currencies import EXPONENT_MAX
from engine.deciding.syntax import POINTS_AT_ONCE_MAX
from engine.workflow import ACTIONS, EVENTS, GUARDS, LIVE_STATES

_DIALECT: Final = "http://json-schema.org/draft-07/schema#"
_COUNTRIES: Final = list_of(matching(COUNTRY_CODE.pattern, "two capital letters of ISO 3166"))
_GAMES: Final = list_of(matching(GAME_ID.pattern, "a game of games.yaml"))
_ROUND_TIMEOUT: Final = group(
    ("hours", "action"),
    {
        "hours": integer(1, TIMEOUT_HOURS_MAX, "a round that is open for longer times out"),
        "action": one_of(get_args(TimeoutAction), "hold (default): listed for operators"),
    },
    ("hours",),
) | {"description": "rules §3"}

_MAX_BET_COUNTS: Final = one_of(
    get_args(MaxBetCounts), "round (default): the limit looks at all stakes of a round together; stake: at each alone"
)


def campaign() -> Schema:
    """A file of `campaigns/` (rules §6)."""
    fields: dict[str, Schema] = {
        "id": matching(CAMPAIGN_ID.pattern, "unique; also the key of its texts"),
        "type": one_of(get_args(CampaignType)),
        "trigger": _trigger(),
        "valid_from": MOMENT,
        "valid_to": MOMENT,
        "eligibility": _eligibility(),
        "award": _award(),
        "wager": _wager(),
        "limits": _limits(),
        "workflow": matching(WORKFLOW_ID.pattern, "a file of workflows/; `standard` if left out"),
        "opt_in": BOOLEAN | {"description": "the player must claim the grant first"},
        "claim_days": integer(1, VALID_DAYS_MAX, "a grant that waits for opt-in or approval lapses after so many days"),
    }
    return group(CAMPAIGN_FIELDS, fields, ("id", "type", "valid_from", "valid_to", "award")) | {
        "allOf": [_award_of(kind) for kind in get_args(CampaignType)]
    }


def _award_of(kind: str) -> Schema:
    """The fields that a campaign of this type must have: its award, and a trigger unless it needs none."""
    award = {"deposit_match": "bonus", "no_deposit": "bonus"}.get(kind, kind)
    need = ["award"] if kind == "points_multiplier" else ["award", "trigger"]
    then: Schema = {"required": need, "properties": {"award": {"required": [award]}}}
    return {"if": {"properties": {"type": {"const": kind}}, "required": ["type"]}, "then": then}


def _trigger() -> Schema:
    fields: dict[str, Schema] = {
        "event": one_of(TRIGGERS),
        "nth": integer(1, NTH_MAX, "only the nth deposit triggers"),
        "name": matching(EVENT_NAME.pattern, "the name of the custom event"),
        "eur": eur("the total that must be crossed"),
        "to": matching(LEVEL_ID.pattern, "the level climbed to"),
        "days": integer(1, SILENCE_DAYS_MAX, "the player has been silent for more than so many days"),
        "code": matching(CODE.pattern, "a-z and A-Z are the same"),
    }
    needs = [
        {"if": {"properties": {"event": {"enum": list(events)}}, "required": ["event"]}, "then": {"required": [name]}}
        for name, events in CONDITIONS.items()
        if name not in OPTIONAL_CONDITIONS
    ]
    return group(("event", *CONDITIONS), fields, ("event",)) | {"allOf": needs}


def _eligibility() -> Schema:
    fields: dict[str, Schema] = {
        "countries": group(("allow", "deny"), {"allow": _COUNTRIES, "deny": _COUNTRIES}) | {"maxProperties": 1},
        "levels": list_of(matching(LEVEL_ID.pattern)),
        "segments": list_of(matching(SEGMENT.pattern, "one of them must be set on the player")),
        "players": list_of(matching(PLAYER_ID.pattern, "a personal offer to these players only")),
        "currencies": list_of(matching(CURRENCY_CODE.pattern, "all, if left out")),
        "min_deposit": amounts(0, "smallest deposit that triggers"),
    }
    return group(ELIGIBILITY_FIELDS, fields)


def _award() -> Schema:
    bonus: dict[str, Schema] = {
        "match_percent": DECIMAL | {"description": "percent of the deposit that are awarded, rounded down"},
        "max": amounts(1, "the most that a match awards"),
        "fixed": amounts(1, "the bonus"),
    }
    free_spins: dict[str, Schema] = {
        "count": integer(1, FREE_SPINS_MAX),
        "bet": amounts(1, "the stake of each spin"),
        "games": _GAMES | {"minItems": 1},
        "valid_days": integer(1, VALID_DAYS_MAX),
        "wager_multiplier": DECIMAL | {"description": 'how often the winnings must be wagered; "0" pays real money'},
        "max_win": amounts(1, "the most that all spins pay together"),
    }
    choice = {"oneOf": [{"required": ["match_percent", "max"]}, {"required": ["fixed"]}]}
    fields = {
        "bonus": group(BONUS_FIELDS, bonus) | choice,
        "free_spins": group(FREE_SPINS_FIELDS, free_spins, FREE_SPINS_FIELDS[:-1]),
        "points_multiplier": DECIMAL | {"description": "only for the type of that name; a factor above 1"},
    }
    return group(AWARD_FIELDS, fields)


def _wager() -> Schema:
    share = integer(0, CONTRIBUTION_MAX_PERCENT, "percent of a stake that counts")
    by_type = group(GAME_TYPES, dict.fromkeys(GAME_TYPES, share))
    contribution = {"games": named(GAME_ID.pattern, share), "types": by_type}
    fields: dict[str, Schema] = {
        "multiplier": DECIMAL | {"description": "how often the base must be wagered; 0 completes at once"},
        "basis": one_of(get_args(Basis)),
        "min_bet": amounts(0, "smaller stakes make no progress"),
        "max_bet": amounts(1, "largest stake while the bonus is in wager"),
        "over_max_bet": one_of(get_args(OverMaxBet)),
        "max_bet_counts": _MAX_BET_COUNTS,
        "excluded_games": _GAMES,
        "excluded_policy": one_of(get_args(ExcludedPolicy)),
        "contribution": group(("games", "types"), contribution),
        "valid_days": integer(1, VALID_DAYS_MAX, "days from the grant; if left out, until the campaign ends"),
        "max_cashout": amounts(0, "the most that moves to the real wallet"),
        "min_average_bet": amounts(1, "with a lower mean stake the bonus is held for an operator"),
        "funds_order": one_of(get_args(FundsOrder)),
        "cancel_on_withdrawal": BOOLEAN | {"description": "a withdrawal takes the bonus away; true if left out"},
    }
    return group(WAGER_FIELDS, fields)


def _limits() -> Schema:
    fields: dict[str, Schema] = {
        "per_player": integer(1, PER_PLAYER_MAX, "1 if left out"),
        "per_ip": integer(1, SHARED_COUNT_MAX),
        "per_device": integer(1, SHARED_COUNT_MAX),
        "budget_eur": eur("all grants together"),
    }
    return group(LIMITS_FIELDS, fields)


def workflow() -> Schema:
    """A file of `workflows/` (rules §4)."""
    vocabulary = [("on", EVENTS), ("when", GUARDS), ("do", ACTIONS)]
    on, when, do = (
        {"oneOf": [{"const": word, "description": text} for word, text in words.items()]} for _, words in vocabulary
    )
    transition = {"from": one_of(LIVE_STATES), "on": on, "when": list_of(when), "do": list_of(do), "to": one_of(STATES)}
    fields: dict[str, Schema] = {
        "id": matching(WORKFLOW_ID.pattern, "what campaigns name in `workflow`"),
        "transitions": {
            "type": "array",
            "maxItems": TRANSITIONS_MAX,
            "items": group(TRANSITION_FIELDS, transition, ("from", "on", "to")),
        },
    }
    return group(WORKFLOW_FIELDS, fields, WORKFLOW_FIELDS)


def platform() -> Schema:
    """`platform.yaml` (rules §2)."""
    currency = {"exponent": integer(0, EXPONENT_MAX, "digits behind the point"), "eur_rate": eur("per major unit")}
    fields: dict[str, Schema] = {
        "currencies": named(CURRENCY_CODE.pattern, group(("exponent", "eur_rate"), currency, tuple(currency)))
        | {"minProperties": 1},
        "funds_order": one_of(get_args(FundsOrder)),
        "placement": group(("dedicated",), {"dedicated": list_of(matching(PLAYER_ID.pattern))}),
        "round_timeout": _ROUND_TIMEOUT,
        "flags": group(FLAGS, dict.fromkeys(FLAGS, BOOLEAN)),
        "four_eyes": _four_eyes(),
        "geo_database": TEXT | {"description": "a MaxMind-format file, relative to the catalog folder"},
    }
    return group(PLATFORM_FIELDS, fields, ("currencies",))


def _four_eyes() -> Schema:
    fields: dict[str, Schema] = {
        "points": integer(0, POINTS_AT_ONCE_MAX, "adjustments by more points wait for a second person"),
        "forced_level": BOOLEAN | {"description": "true: a level set by hand waits for a second person"},
        "campaign_budget_eur": eur("campaigns with a larger budget, or none, wait for a second person"),
    }
    return group(FOUR_EYES_FIELDS, fields) | {"description": "what one person proposes and another one approves"}


def games() -> Schema:
    """`games.yaml` (rules §2)."""
    share = integer(0, CONTRIBUTION_MAX_PERCENT, "percent of a stake that counts for wagering")
    stake = {"oneOf": [integer(1, AMOUNT_MAX), amounts(1, "for each currency")]}
    fields: dict[str, Schema] = {
        "type": one_of(GAME_TYPES),
        "provider": TEXT,
        "min_bet": stake,
        "max_bet": stake,
        "contribution": share,
        "round_timeout": _ROUND_TIMEOUT,
        "max_bet_counts": _MAX_BET_COUNTS,
        "rtp": DECIMAL | {"description": 'the return to player that the game is built for, at most 1: "0.965"'},
    }
    game = group(GAME_FIELDS, fields, GAME_FIELDS[:4])
    top: dict[str, Schema] = {
        "games": named(GAME_ID.pattern, game) | {"minProperties": 1},
        "contribution": group(GAME_TYPES, dict.fromkeys(GAME_TYPES, share)),
    }
    return group(("games", "contribution"), top, ("games",))


def fraud() -> Schema:
    """`fraud.yaml` (rules §7)."""
    verdict = one_of(get_args(Verdict), "review: an operator decides")
    counted = {"more_than": integer(0, MORE_THAN_MAX, "other players"), "verdict": verdict}
    rules = {
        name: group(tuple(counted), counted, tuple(counted))
        if name in COUNTED_SIGNALS
        else group(("verdict",), {"verdict": verdict}, ("verdict",))
        for name in SIGNALS
    }
    period = {"period_days": integer(1, PERIOD_DAYS_MAX), "eur": eur("bonus money")}
    limit = group(tuple(period), period, tuple(period))
    fields: dict[str, Schema] = {
        "window_days": integer(1, WINDOW_DAYS_MAX, "how long a signal is remembered"),
        "rules": group(SIGNALS, rules),
        "denied_countries": _COUNTRIES,
        "max_bonus": group(("per_player", "per_ip"), {"per_player": limit, "per_ip": limit}),
    }
    return group(FRAUD_FIELDS, fields)


SCHEMAS: Final = {
    "campaign": campaign,
    "workflow": workflow,
    "platform": platform,
    "games": games,
    "fraud": fraud,
    "levels": levels,
}


def schema_text(name: str) -> str:
    """The file `catalog/schema/<name>.schema.json`."""
    make = SCHEMAS[name]
    title = (make.__doc__ or name).rstrip(".")
    return json.dumps({"$schema": _DIALECT, "title": title} | make(), indent=1, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> None:
    """Writes all schemas."""
    folder.mkdir(exist_ok=True)
    for name in SCHEMAS:
        (folder / f"{name}.schema.json").write_text(schema_text(name))
