"""Who may call what: one table, role × route. A route without a row can't be served."""

from typing import Final, Literal

Role = Literal["game_server", "platform", "loyalty_admin", "marketing_manager", "support", "ops", "auditor"]

ROLES: Final[tuple[Role, ...]] = (
    "game_server",
    "platform",
    "loyalty_admin",
    "marketing_manager",
    "support",
    "ops",
    "auditor",
)
PEOPLE: Final[frozenset[Role]] = frozenset({"loyalty_admin", "marketing_manager", "support", "ops", "auditor"})
"""The only roles a bearer token can give: machines sign their requests."""

_READERS: Final[frozenset[Role]] = frozenset({"loyalty_admin", "marketing_manager", "support"})
_GAME: Final[frozenset[Role]] = frozenset({"game_server"})
_PLATFORM: Final[frozenset[Role]] = frozenset({"platform"})
_MARKETING: Final[frozenset[Role]] = frozenset({"marketing_manager"})
_LOYALTY: Final[frozenset[Role]] = frozenset({"loyalty_admin"})
_DEPLOYERS: Final[frozenset[Role]] = frozenset({"loyalty_admin", "marketing_manager", "ops"})
PUBLIC: Final[frozenset[Role]] = frozenset()
"""No proof is asked for."""

ROUTE_ROLES: Final[dict[str, frozenset[Role]]] = {
    "POST /spin": _GAME,
    "POST /spin/{session_id}/result": _GAME,
    "POST /spin/{session_id}/bet": _GAME,
    "POST /spin/{session_id}/cancel": _GAME,
    "POST /spin/rollback": _GAME,
    "GET /spin/{session_id}": _GAME | {"support"},
    "GET /players/{player_id}/rounds": _GAME | _READERS,
    "PUT /players/{player_id}": _PLATFORM,
    "GET /players/{player_id}": _PLATFORM | _READERS,
    "POST /players/{player_id}/deposits": _PLATFORM,
    "POST /players/{player_id}/block": _PLATFORM,
    "POST /players/{player_id}/unblock": _PLATFORM,
    "POST /players/{player_id}/withdrawals": _PLATFORM,
    "POST /players/{player_id}/withdrawals/{withdrawal_id}/confirm": _PLATFORM,
    "POST /players/{player_id}/withdrawals/{withdrawal_id}/cancel": _PLATFORM,
    "POST /players/{player_id}/sessions": _PLATFORM,
    "POST /players/{player_id}/events": _PLATFORM,
    "POST /players/{player_id}/codes": _PLATFORM,
    "POST /players/{player_id}/bets": _PLATFORM,
    "POST /players/{player_id}/bets/rollback": _PLATFORM,
    "GET /players/{player_id}/bonuses": _PLATFORM | _READERS,
    "POST /players/{player_id}/bonuses": _MARKETING,
    "GET /players/{player_id}/bonuses/{grant_id}/cancel-preview": _PLATFORM | _READERS,
    "POST /players/{player_id}/bonuses/{grant_id}/claim": _PLATFORM,
    "POST /players/{player_id}/bonuses/{grant_id}/cancel": _PLATFORM | _MARKETING,
    "POST /players/{player_id}/bonuses/{grant_id}/approve": _MARKETING,
    "POST /players/{player_id}/bonuses/{grant_id}/decline": _MARKETING,
    "POST /players/{player_id}/bonuses/{grant_id}/release": _MARKETING,
    "GET /players/{player_id}/rtp": _PLATFORM | _GAME,
    "GET /loyalty/levels": _PLATFORM | PEOPLE,
    "GET /loyalty/{player_id}": _PLATFORM | _READERS,
    "POST /loyalty/points/add": _LOYALTY,
    "POST /loyalty/status/update": _LOYALTY,
    "POST /loyalty/redemptions": _PLATFORM,
    "POST /loyalty/redemptions/{redemption_id}/confirm": _PLATFORM,
    "POST /loyalty/redemptions/{redemption_id}/cancel": _PLATFORM,
    "GET /campaigns": _PLATFORM | PEOPLE,
    "GET /campaigns/{campaign_id}": _PLATFORM | PEOPLE,
    "GET /catalog": PEOPLE,
    "POST /catalog/check": _DEPLOYERS,
    "POST /catalog/deploy": _DEPLOYERS,
    "POST /sandbox/clock": _PLATFORM | {"ops"},
    "GET /cluster": frozenset({"ops", "support", "auditor"}),
    "GET /health/live": PUBLIC,
    "GET /health/ready": PUBLIC,
    "GET /metrics": PUBLIC,
    "GET /metrics/targets": PUBLIC,
}

_LITERAL: Final = {name.partition(" ")[2] for name in ROUTE_ROLES if "{" not in name}


def methods_of(path: str) -> list[str]:
    """The methods a path knows. What stands in the table as it is belongs to no template beside it."""
    fitting = _fitting(path)
    return sorted({method for method, template in fitting if path not in _LITERAL or template == path}) or ["GET"]


def is_shadowed(method: str, path: str) -> bool:
    """Whether only a template beside an exact route knows the method: `GET /loyalty/redemptions` is no player's."""
    if path not in _LITERAL:
        return False
    return (method, path) not in (fitting := _fitting(path)) and any(method == known for known, _ in fitting)


def route_of(method: str, path: str) -> str | None:
    """The route a request belongs to, an exact one before a template; None if there is none."""
    fitting = sorted((template != path, template) for known, template in _fitting(path) if known == method)
    return f"{method} {fitting[0][1]}" if fitting else None


def _fitting(path: str) -> list[tuple[str, str]]:
    """Methods and templates of the routes that a path could belong to."""
    parts = path.split("/")
    routes = ((method, template) for method, _, template in (name.partition(" ") for name in ROUTE_ROLES))
    return [(method, template) for method, template in routes if _fits(template.split("/"), parts)]


def _fits(template: list[str], parts: list[str]) -> bool:
    pairs = zip(template, parts, strict=False)
    return len(template) == len(parts) and all(name[:1] == "{" or name == part for name, part in pairs)


KEYLESS: Final = frozenset({"POST /catalog/check"})
"""Changes nothing: an Idempotency-Key is taken, not needed, and has no effect."""

_FILE_ROLES: Final[dict[str, Role]] = {
    "levels.yaml": "loyalty_admin",
    "platform.yaml": "ops",
    "games.yaml": "ops",
    "fraud.yaml": "ops",
    "campaigns/": "marketing_manager",
    "workflows/": "marketing_manager",
    "locales/": "marketing_manager",
}


def deployer(file: str) -> Role | None:
    """Who may deploy a catalog's file (by its name, or by its folder); None: nobody."""
    folder, slash, _ = file.partition("/")
    return _FILE_ROLES.get(folder + slash)
