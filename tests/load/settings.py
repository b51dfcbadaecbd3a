"""Who the load test is, from the environment: `LOAD_GAME_KEY`, `LOAD_PLATFORM_KEY`, `LOAD_STAFF_TOKEN`, `LOAD_CATALOG`.

Secrets come by the environment, so that they are in no list of processes and in no report.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from croupier_client.signing import Signer
from tests.load.asking import Proof

GAME_KEY, PLATFORM_KEY, STAFF_TOKEN, CATALOG = "LOAD_GAME_KEY", "LOAD_PLATFORM_KEY", "LOAD_STAFF_TOKEN", "LOAD_CATALOG"
SHIPPED_CATALOG = Path(__file__).parents[2] / "catalog"


@dataclass(frozen=True)
class Settings:
    """`catalog`: the folder of the catalog that is in force on the server."""

    proof: Proof
    catalog: Path


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads them once. Raises ValueError, naming the variable, for a key that is not `id:secret`."""
    proof = Proof(_signer(environment, GAME_KEY), _signer(environment, PLATFORM_KEY), environment.get(STAFF_TOKEN, ""))
    return Settings(proof, Path(environment.get(CATALOG, SHIPPED_CATALOG)))


def _signer(environment: Mapping[str, str], name: str) -> Signer:
    """No key at all is for a server with `--auth open`."""
    said = environment.get(name, "")
    key_id, colon, secret = said.partition(":")
    if said and not (key_id and colon and secret):
        raise ValueError(f"{name} must be id:secret")
    return Signer(key_id, secret)
