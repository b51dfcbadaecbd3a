"""The roles there are, those that often go together, and who may deploy which file. Each route names its own."""

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

READERS: Final[frozenset[Role]] = frozenset({"loyalty_admin", "marketing_manager", "support"})
GAME: Final[frozenset[Role]] = frozenset({"game_server"})
SUPPORT: Final[frozenset[Role]] = frozenset({"support"})
OPS: Final[frozenset[Role]] = frozenset({"ops"})
AUDITOR: Final[frozenset[Role]] = frozenset({"auditor"})
PLATFORM: Final[frozenset[Role]] = frozenset({"platform"})
MARKETING: Final[frozenset[Role]] = frozenset({"marketing_manager"})
LOYALTY: Final[frozenset[Role]] = frozenset({"loyalty_admin"})
DEPLOYERS: Final[frozenset[Role]] = frozenset({"loyalty_admin", "marketing_manager", "ops"})
PUBLIC: Final[frozenset[Role]] = frozenset()
"""No proof is asked for."""

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
