"""The OpenAPI document: FastAPI's own part, the hot routes, and for every route its proof, its key and its refusals."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from engine.amounts import AMOUNT_MAX
from gateway import bonus_schemas, bundles, catalog_schemas, loyalty_schemas, player_schemas, requests, schemas
from gateway.errors import TABLE
from gateway.roles import KEYLESS, ROUTE_ROLES

_REF: Final = "#/components/schemas/{name}"
_IDENTIFIER: Final = {"type": "string", "pattern": requests.IDENTIFIER}
_VISIBLE: Final = {"type": "string", "pattern": requests.VISIBLE}
_OWN_ID: Final = {"type": "string", "pattern": requests.OWN_ID}

SYNTAX: Final = ("invalid_request",)
PROOF: Final = ("unauthenticated", "forbidden")
BODY: Final = ("body_too_large", "unsupported_media_type")
KEY: Final = ("idempotency_key_required", "idempotency_conflict")
PLAYER: Final = ("player_not_found", "overloaded", "shard_unavailable", "journal_unavailable", "outcome_unknown")
_STAKE: Final = (
    "player_blocked",
    "unsupported_currency",
    "rolled_back",
    "bet_below_min",
    "bet_above_max",
    "bonus_max_bet",
    "insufficient_funds",
)
_ROUND: Final = ("session_not_found", "round_closed")


class Doc(NamedTuple):
    """What a route answers, and the refusals of its own; the common ones follow from its shape."""

    answer: type[msgspec.Struct] | None
    statuses: tuple[int, ...] = (200,)
    codes: tuple[str, ...] = ()


_BLOCKED: Final = ("player_blocked",)
_CONVERTED: Final = (*_BLOCKED, "unsupported_currency")
_GRANT: Final = ("grant_not_found", "invalid_state")
_WITHDRAWAL: Final = ("withdrawal_not_found", "invalid_state")
_REDEMPTION: Final = ("redemption_not_found", "invalid_state")
_CONTROL: Final = ("outcome_unknown",)
_SPIN: Final = ("unknown_game", "round_open", "no_free_spins", "free_spin_game_mismatch", "free_spin_bet_mismatch")
DOCS: Final[dict[str, Doc]] = {
    "POST /spin": Doc(schemas.SpinAnswer, codes=(*_STAKE, *_SPIN)),
    "POST /spin/{session_id}/result": Doc(schemas.SpinAnswer, codes=(*_ROUND, "round_refunded")),
    "POST /spin/{session_id}/bet": Doc(schemas.SpinAnswer, codes=(*_ROUND, *_STAKE)),
    "POST /spin/{session_id}/cancel": Doc(schemas.SpinAnswer, codes=(*_ROUND, "round_has_result")),
    "POST /spin/rollback": Doc(schemas.RollbackJson, codes=("round_has_result", "win_already_spent")),
    "GET /spin/{session_id}": Doc(schemas.SpinAnswer, codes=("session_not_found",)),
    "GET /players/{player_id}/rounds": Doc(schemas.RoundsJson),
    "PUT /players/{player_id}": Doc(
        player_schemas.PlayerRegisteredJson, (200, 201), ("player_exists", "unsupported_currency")
    ),
    "GET /players/{player_id}": Doc(player_schemas.PlayerJson),
    "POST /players/{player_id}/deposits": Doc(player_schemas.DepositJson, (200, 201), _CONVERTED),
    "POST /players/{player_id}/block": Doc(player_schemas.BlockJson),
    "POST /players/{player_id}/unblock": Doc(player_schemas.BlockJson),
    "POST /players/{player_id}/withdrawals": Doc(
        player_schemas.WithdrawalJson, (200, 201), ("round_open", "bonus_would_be_lost", "insufficient_funds")
    ),
    "POST /players/{player_id}/withdrawals/{withdrawal_id}/confirm": Doc(
        player_schemas.WithdrawalJson, codes=_WITHDRAWAL
    ),
    "POST /players/{player_id}/withdrawals/{withdrawal_id}/cancel": Doc(
        player_schemas.WithdrawalJson, codes=_WITHDRAWAL
    ),
    "POST /players/{player_id}/sessions": Doc(player_schemas.SessionJson, (200, 201), ("geo_blocked",)),
    "POST /players/{player_id}/events": Doc(player_schemas.AwardsJson, (200, 201), _BLOCKED),
    "POST /players/{player_id}/codes": Doc(
        player_schemas.AwardsJson, (200, 201), (*_BLOCKED, "code_not_found", "not_eligible", "grant_declined")
    ),
    "POST /players/{player_id}/bets": Doc(player_schemas.ReportedBetJson, (200, 201), (*_CONVERTED, "rolled_back")),
    "POST /players/{player_id}/bets/rollback": Doc(
        schemas.RollbackJson, codes=("round_has_result", "round_closed", "win_already_spent")
    ),
    "GET /players/{player_id}/bonuses": Doc(bonus_schemas.GrantsJson),
    "POST /players/{player_id}/bonuses": Doc(
        bonus_schemas.ManualGrantJson, (200, 201), (*_BLOCKED, "campaign_not_found", "not_eligible", "grant_declined")
    ),
    "GET /players/{player_id}/bonuses/{grant_id}/cancel-preview": Doc(
        bonus_schemas.CancelPreviewJson, codes=("grant_not_found",)
    ),
    "POST /players/{player_id}/bonuses/{grant_id}/claim": Doc(bonus_schemas.GrantStateJson, codes=(*_BLOCKED, *_GRANT)),
    "POST /players/{player_id}/bonuses/{grant_id}/cancel": Doc(
        bonus_schemas.GrantStateJson, codes=(*_GRANT, "round_open")
    ),
    "POST /players/{player_id}/bonuses/{grant_id}/approve": Doc(
        bonus_schemas.GrantStateJson, codes=(*_BLOCKED, *_GRANT)
    ),
    "POST /players/{player_id}/bonuses/{grant_id}/decline": Doc(bonus_schemas.GrantStateJson, codes=_GRANT),
    "POST /players/{player_id}/bonuses/{grant_id}/release": Doc(
        bonus_schemas.GrantStateJson, codes=(*_GRANT, "round_open")
    ),
    "GET /players/{player_id}/rtp": Doc(loyalty_schemas.RtpJson, codes=("unknown_game",)),
    "GET /loyalty/levels": Doc(loyalty_schemas.LevelsJson, codes=_CONTROL),
    "GET /loyalty/{player_id}": Doc(loyalty_schemas.LoyaltyJson),
    "POST /loyalty/points/add": Doc(loyalty_schemas.PointsAdjustedJson, codes=("insufficient_points",)),
    "POST /loyalty/status/update": Doc(loyalty_schemas.LevelSetJson, codes=("level_not_found",)),
    "POST /loyalty/redemptions": Doc(
        loyalty_schemas.RedemptionJson, (200, 201), (*_CONVERTED, "insufficient_points", "invalid_redemption")
    ),
    "POST /loyalty/redemptions/{redemption_id}/confirm": Doc(
        loyalty_schemas.RedemptionJson, codes=(*_CONVERTED, *_REDEMPTION, "invalid_redemption", "grant_declined")
    ),
    "POST /loyalty/redemptions/{redemption_id}/cancel": Doc(loyalty_schemas.RedemptionJson, codes=_REDEMPTION),
    "GET /campaigns": Doc(catalog_schemas.CampaignsJson, codes=_CONTROL),
    "GET /campaigns/{campaign_id}": Doc(catalog_schemas.CampaignJson, codes=("campaign_not_found", *_CONTROL)),
    "GET /catalog": Doc(catalog_schemas.CatalogJson),
    "POST /catalog/check": Doc(catalog_schemas.CheckedJson, codes=_CONTROL),
    "POST /catalog/deploy": Doc(catalog_schemas.DeployedJson, codes=("catalog_invalid", *_CONTROL)),
    "POST /sandbox/clock": Doc(catalog_schemas.ClockJson, codes=_CONTROL),
    "GET /cluster": Doc(schemas.ClusterJson),
    "GET /health/live": Doc(schemas.HealthJson),
    "GET /health/ready": Doc(schemas.HealthJson, (200, 503)),
    "GET /metrics": Doc(None),
    "GET /metrics/targets": Doc(None),
}

RAW_BODIES: Final[dict[str, type[msgspec.Struct]]] = {
    "POST /spin/{session_id}/result": requests.ResultBody,
    "POST /spin/{session_id}/bet": requests.AddBetBody,
    "POST /spin/{session_id}/cancel": requests.CancelBody,
    "POST /spin/rollback": requests.RollbackBody,
    "POST /catalog/check": bundles.CatalogBundle,
    "POST /catalog/deploy": bundles.CatalogBundle,
}
"""Bodies that are not FastAPI's to parse."""
_FILE: Final = {"type": "string", "contentMediaType": "application/octet-stream"}
_FORM: Final = {
    "type": "object",
    "description": "One part per file. A part called `file` or `files` is named by its `filename`, like "
    "`campaigns/welcome-100.yaml`; any other part's name is the file's.",
    "properties": {"file": _FILE, "files": {"type": "array", "items": _FILE}},
    "propertyNames": {"minLength": 1, "maxLength": bundles.FILE_NAME_MAX},
    "additionalProperties": _FILE,
}
_SUMMARIES: Final = {
    "POST /spin": "Opens a round; with `win`, bet and win are one step",
    "POST /spin/{session_id}/result": "Credits a win, closes the round when final",
    "POST /spin/{session_id}/bet": "Adds a stake to an open round",
    "POST /spin/{session_id}/cancel": "Reverses an open round without a result",
    "POST /spin/rollback": "Reverses the bet made with an Idempotency-Key",
    "GET /spin/{session_id}": "One round",
}
_SCHEMES: Final = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "Timestamp": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Request-Timestamp",
        "description": "Unix time in seconds, at most 300 s off",
    },
    "Signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Request-Sign",
        "description": "Lower-case hex HMAC-SHA256, under the key's secret, of timestamp, method, path?query, "
        "Idempotency-Key (or nothing) and body, joined by line feeds",
    },
    "Bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}
_PROOFS: Final[list[dict[str, list[str]]]] = [{"ApiKey": [], "Timestamp": [], "Signature": []}, {"Bearer": []}]


def refusals(name: str) -> tuple[str, ...]:
    """Every code a route may refuse with."""
    codes = [*SYNTAX, *DOCS[name].codes]
    if ROUTE_ROLES[name]:
        codes += PROOF
    if "player_id" in name or "/spin" in name or name.startswith("POST /loyalty"):
        codes += PLAYER if name.startswith("GET") else [*PLAYER, "already_processed"]
    if not name.startswith("GET"):
        codes += BODY if name in KEYLESS else [*KEY, *BODY]
    return tuple(dict.fromkeys(codes))


def document(title: str, version: str, description: str, routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The whole document."""
    found = get_openapi(title=title, version=version, description=description, routes=routes)
    paths = found["paths"]
    for name, summary in _SUMMARIES.items():
        method, _, path = name.partition(" ")
        paths.setdefault(path, {})[method.lower()] = _hot_operation(name, summary)
    for name in ROUTE_ROLES:
        method, _, path = name.partition(" ")
        if path in paths:  # not without settings.sandbox
            _complete(name, paths[path][method.lower()])
    components = found.setdefault("components", {})
    own = {name: schema for name, schema in components.get("schemas", {}).items() if "ValidationError" not in name}
    components["schemas"] = own | _components()
    components["securitySchemes"] = _SCHEMES
    whole: dict[str, Any] = _whole(found)
    return whole


def _whole(node: Any) -> Any:
    """Limits of integers as integers, where FastAPI writes 1000000000000000.0; patterns without what is Python's."""
    if isinstance(node, dict):
        return {name: _whole(child) for name, child in node.items()}
    if isinstance(node, list):
        return [_whole(child) for child in node]
    if isinstance(node, str):
        return node.removesuffix(requests.NO_NEWLINE)
    return int(node) if isinstance(node, float) and node.is_integer() else node


def _components() -> dict[str, Any]:
    types = [doc.answer for doc in DOCS.values() if doc.answer is not None]
    every = dict.fromkeys([*types, *RAW_BODIES.values(), schemas.ProblemJson])
    return msgspec.json.schema_components(every, ref_template=_REF)[1]


def _hot_operation(name: str, summary: str) -> dict[str, Any]:
    method, _, path = name.partition(" ")
    operation: dict[str, Any] = {"summary": summary, "operationId": _operation_id(name), "parameters": []}
    if "{session_id}" in path:
        operation["parameters"].append(_parameter("session_id", "path", _OWN_ID))
    if name == "POST /spin":
        operation["parameters"] += _SPIN_PARAMETERS
    elif method == "GET":
        operation["parameters"].append(_parameter("player_id", "query", _IDENTIFIER))
    return operation


def _operation_id(name: str) -> str:
    return "_".join(part.strip("{}").lower() for part in name.replace(" /", "/").split("/"))


def _parameter(name: str, where: str, schema: Mapping[str, Any], required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema}


_SPIN_PARAMETERS: Final = [
    _parameter("player_id", "query", _IDENTIFIER),
    _parameter("game_id", "query", _IDENTIFIER),
    _parameter("mode", "query", {"type": "string", "enum": ["real", "freespin"]}),
    _parameter("bet", "query", {"type": "integer", "minimum": 1, "maximum": AMOUNT_MAX}, required=False)
    | {"description": "Minor units; required in mode real, in mode freespin it selects among packages"},
    _parameter("win", "query", {"type": "integer", "minimum": 0, "maximum": AMOUNT_MAX}, required=False)
    | {"description": "Minor units; bet and win are one step and the round is closed"},
    _parameter("round_id", "query", _VISIBLE, required=False) | {"description": "The provider's reference"},
]


def _complete(name: str, operation: dict[str, Any]) -> None:
    """Adds to an operation what follows from the tables."""
    doc = DOCS[name]
    operation["responses"] = {str(status): _answer(doc.answer) for status in doc.statuses} | _problems(refusals(name))
    roles = ROUTE_ROLES[name]
    if roles:
        operation["security"] = _PROOFS
        operation["description"] = f"{operation.get('description', '')}\n\nRoles: {', '.join(sorted(roles))}.".strip()
    if name in RAW_BODIES:
        content = {"application/json": {"schema": _reference(RAW_BODIES[name])}}
        forms = {"multipart/form-data": {"schema": _FORM}} if name.startswith("POST /catalog") else {}
        operation["requestBody"] = {"required": True, "content": content | forms}
    if not name.startswith("GET") and name not in KEYLESS:
        key = _parameter("Idempotency-Key", "header", _VISIBLE)
        operation["parameters"] = [*operation.get("parameters", []), key]


def _answer(type_: type[msgspec.Struct] | None) -> dict[str, Any]:
    if type_ is None:
        return {"description": "See the Prometheus documentation"}
    summary = (type_.__doc__ or "").strip()
    return {"description": summary, "content": {"application/json": {"schema": _reference(type_)}}}


def _reference(type_: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=type_.__name__)}


def _problems(codes: Iterable[str]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in codes:
        by_status[TABLE[code].status].append(code)
    content = {"application/problem+json": {"schema": _reference(schemas.ProblemJson)}}
    return {
        str(status): {"description": ", ".join(f"`{code}`" for code in listed), "content": content}
        for status, listed in sorted(by_status.items())
    }
