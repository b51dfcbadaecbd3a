"""All settings of one `croupier` process: frozen, typed, read once from options and `CROUPIER_*` variables."""

import os
import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import get_args

import msgspec

from actors.settings import RESIDENTS_MAX, SHARDS_MAX, ClientSettings, ShardSettings, SupervisorSettings
from gateway.settings import AuthMode, GatewaySettings, bind_allowed
from snapshots.archive.place import ArchivePlace

GATEWAYS_MAX = 64
ORPHAN_AFTER_S_MAX = 3_600
RESIDENTS_POSSIBLE = (100, 10_000_000)
SECRET_CHARS_MIN = 16
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsInvalid(Exception):
    """A setting is wrong. The message is one sentence: which setting, its value, and which values are allowed."""


class Settings(msgspec.Struct, frozen=True):
    """The settings of `croupier up` and `croupier gateway`."""

    store: str
    catalog: Path
    shards: int = 2
    spares: int = 1
    gateways: int = 1
    host: str = "127.0.0.1"
    port: int = 8080
    auth: AuthMode | None = None
    """None: `hmac` if there are keys, else `open`, which only a loopback address may have."""
    keys: Path | None = None
    ray_address: str | None = None
    shard_host: str | None = None
    cluster_secret: str = ""
    sandbox: bool = False
    catalog_watch: bool = False
    orphan_after_s: int = 60
    """How old a reservation of shared limits must be before its player's shard finds out whether a crash left it
    behind.
    """
    residents_max: int = RESIDENTS_MAX
    """How many players each shard keeps in memory; those used longest ago leave."""
    log_level: str = "WARNING"
    integrations: Path | None = None
    """integrations.yaml: the world outside (`croupier.integrations`)."""
    no_bus_in: bool = False
    """Whether the section `bus_in` is left to processes of their own, `croupier bus-in`."""
    no_archive: bool = False
    """Whether `croupier up` runs without the archive, so that nothing holds the journal."""
    fallback: bool = False
    """Whether shards go on in files of their own while Redis is silent (rule 16)."""
    fallback_dir: Path | None = None
    """The folder of these files on every host with shards; None: next to where SQLite would lie by default."""
    take_over: bool = False
    """Whether `croupier up` takes the store from another one that runs on it, instead of refusing to start."""

    @property
    def namespace(self) -> str:
        """The Ray namespace: one per store, so that two instances on one Ray cluster never meet."""
        return "croupier-" + sha256(self.store.encode()).hexdigest()[:12]

    def gateway(self) -> GatewaySettings:
        """The gateway's settings."""
        return GatewaySettings(host=self.host, port=self.port, auth=self.auth_mode, sandbox=self.sandbox)

    @property
    def auth_mode(self) -> AuthMode:
        """How callers prove who they are."""
        return self.auth or ("open" if self.keys is None else "hmac")

    def client(self) -> ClientSettings:
        """The settings of the channel to the shards."""
        return ClientSettings()

    def supervisor(self) -> SupervisorSettings:
        """The supervisor's settings."""
        return SupervisorSettings(shards=self.shards, spares=self.spares, fallback=self.fallback)

    def shard(self, bind_host: str, archive: ArchivePlace | None = None) -> ShardSettings:
        """The shards' settings; `archive` is where rollbacks of old bets look."""
        return ShardSettings(
            store_url=self.store,
            cluster_secret=self.cluster_secret,
            bind_host=bind_host,
            catalog_dir=str(self.catalog.resolve()),
            orphan_after_ms=self.orphan_after_s * 1_000,
            residents_max=self.residents_max,
            archive=archive,
            fallback_dir=str((self.fallback_dir or default_fallback(os.environ)).absolute()) if self.fallback else "",
        )


def checked(settings: Settings) -> Settings:
    """The settings with a cluster secret, which is made up if no other process needs to know it.

    Raises SettingsInvalid.
    """
    if not 1 <= settings.shards <= SHARDS_MAX:
        raise SettingsInvalid(f"--shards {settings.shards}: from 1 to {SHARDS_MAX} are possible")
    if not 0 <= settings.gateways <= GATEWAYS_MAX:
        raise SettingsInvalid(f"--gateways {settings.gateways}: from 0 to {GATEWAYS_MAX} are possible")
    if not 1 <= settings.orphan_after_s <= ORPHAN_AFTER_S_MAX:
        raise SettingsInvalid(
            f"--orphan-after {settings.orphan_after_s}: from 1 to {ORPHAN_AFTER_S_MAX} seconds are possible"
        )
    fewest, most = RESIDENTS_POSSIBLE
    if not fewest <= settings.residents_max <= most:
        raise SettingsInvalid(f"--residents-max {settings.residents_max}: from {fewest} to {most} are possible")
    _known("--log-level", settings.log_level, LOG_LEVELS)
    _known("--auth", settings.auth_mode, get_args(AuthMode))
    if not 0 <= settings.port <= 65535:
        raise SettingsInvalid(f"--port {settings.port}: from 0 (any free port) to 65535 are possible")
    if not bind_allowed(settings.host, settings.auth_mode):
        raise SettingsInvalid(
            f"--auth open on {settings.host} would let anybody move money: bind to 127.0.0.1, or give --keys FILE"
        )
    if settings.auth_mode == "hmac" and settings.keys is None:
        raise SettingsInvalid("--auth hmac needs --keys FILE (or CROUPIER_KEYS) with the callers' keys")
    _fallback_possible(settings)
    secret = settings.cluster_secret
    if secret and len(secret) < SECRET_CHARS_MIN:
        raise SettingsInvalid(f"CROUPIER_CLUSTER_SECRET needs at least {SECRET_CHARS_MIN} characters")
    if not secret and settings.ray_address is not None:
        raise SettingsInvalid("--ray-address needs CROUPIER_CLUSTER_SECRET: shards and gateways must share one secret")
    return settings if secret else msgspec.structs.replace(settings, cluster_secret=secrets.token_hex(32))


def _fallback_possible(settings: Settings) -> None:
    if settings.fallback and settings.store.startswith("sqlite:"):
        raise SettingsInvalid(
            "--fallback is for Redis: a SQLite store lies on this host's own disk, and there is nothing to fall back to"
        )


def _known(option: str, value: str, words: Sequence[str]) -> None:
    """Checks the word of an option, because argparse checks it only if it was typed and not if it comes from the
    environment.
    """
    if value not in words:
        raise SettingsInvalid(f"{option} {value}: {', '.join(words[:-1])} or {words[-1]} is possible")


def store_default_said() -> str:
    """The default of `--store`, for help texts. The variable is named and not shown: a URL may have a password."""
    return f"default: CROUPIER_STORE, else {default_store(os.environ)}".replace("%", "%%")


def default_store(environment: Mapping[str, str]) -> str:
    """The default store: SQLite in the user's state folder."""
    return f"sqlite:{_state_folder(environment)}/croupier"


def default_fallback(environment: Mapping[str, str]) -> Path:
    """The default folder of fallback files, in the user's state folder, too."""
    return Path(_state_folder(environment), "croupier-fallback")


def _state_folder(environment: Mapping[str, str]) -> str:
    return environment.get("XDG_STATE_HOME") or os.path.join(environment.get("HOME", "/var/lib"), ".local/state")


def default_catalog() -> Path:
    """The catalog that is shipped with the code, next to the packages, whether installed or checked out."""
    return Path(__file__).resolve().parent.parent / "catalog"
