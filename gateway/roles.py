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
    "GET /players/{player_id}/bonuses": _PLATFORM | _READERS,
    "POST /players/{player_id}/bonuses": frozenset({"marketing_manager"}),
    "GET /catalog": PEOPLE,
    "GET /cluster": frozenset({"ops", "support", "auditor"}),
    "GET /health/live": PUBLIC,
    "GET /health/ready": PUBLIC,
    "GET /metrics": PUBLIC,
    "GET /metrics/targets": PUBLIC,
}
