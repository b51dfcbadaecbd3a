"""Where a soak takes place: a Redis and `croupier up` with its archive in a folder that is removed afterwards."""

import contextlib
import json
import secrets
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import jwt

from benchmarks import servers
from croupier.demo.client import Signer

ISSUER: Final = "croupier-soak"
KEY_ID: Final = "staff"


class Running(NamedTuple):
    """A Croupier that is ready, and its Redis. `roots`: the processes that all others descend from."""

    url: str
    store_url: str
    roots: tuple[int, int]
    signers: tuple[Signer, Signer]
    staff_secret: str

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the gateways."""
        place = urlsplit(self.url)
        return str(place.hostname), place.port or 80

    def shards(self) -> dict[int, str]:
        """The name of each shard by the pid of its process. Raises OSError."""
        claims = {"iss": ISSUER, "sub": "soak", "role": "ops", "exp": int(time.time()) + 300}
        token = jwt.encode(claims, self.staff_secret, algorithm="HS256", headers={"kid": KEY_ID})
        asked = urllib.request.Request(f"{self.url}/cluster", headers={"authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return {shard["pid"]: shard["shard_id"] for shard in json.load(answer)["shards"]}


class Place:
    """Keys of its own in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._staff_secret = secrets.token_hex(32)
        self._machines = {role: secrets.token_hex(24) for role in ("game_server", "platform")}

    @contextlib.contextmanager
    def croupier(self, shards: int, gateways: int, residents: int) -> Iterator[Running]:
        """On a Redis with AOF `everysec`. Raises ServerFailed, OSError."""
        extra = f"--shards {shards} --gateways {gateways} --residents-max {residents} --integrations {self._archive()}"
        with (
            servers.redis(self._folder, "soak", "everysec") as store,
            servers.croupier("croupier", store.url, self._keys(), self._folder, extra, archive=True) as up,
        ):
            game_server, platform = (Signer(role, secret) for role, secret in self._machines.items())
            yield Running(up.url, store.url, (up.pid, store.pid), (game_server, platform), self._staff_secret)

    def _keys(self) -> Path:
        staff = {"kid": KEY_ID, "algorithm": "HS256", "key": self._staff_secret}
        machines = [{"id": role, "secret": secret, "role": role} for role, secret in self._machines.items()]
        path = self._folder / "keys.json"
        path.write_text(json.dumps({"api_keys": machines, "jwt": {"issuer": ISSUER, "keys": [staff]}}))
        path.chmod(0o600)
        return path

    def _archive(self) -> Path:
        home = self._folder / "archive"
        settings = {"place": {"url": str(home)}, "spool": f"{home}-spool", "key_file": f"{home}.key"}
        path = self._folder / "integrations.yaml"
        path.write_text(json.dumps({"archive": settings}))
        return path
