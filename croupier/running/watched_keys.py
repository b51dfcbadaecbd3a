"""Callers' keys as the keys file has them, and what the control log tells of a change: ids that came and went.

No entry holds a secret, or anything made of one.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from croupier.running.keys_watch import LOOK_INTERVAL_S, KeysWatch
from croupier.running.operators import by_operator
from engine.control_entries import ControlEntry
from gateway.access.auth import ProofAuth
from gateway.access.keys import ApiKey, ApiKeys, TokenKey, parse_keys, read_keys
from gateway.recording.operation import bounded

OPERATION: Final = "keys file reloaded"


class WatchedKeys(ProofAuth):
    """Proof by the keys of a file, read at the start. `follow` keeps to the file. Raises KeysInvalid."""

    def __init__(self, path: Path, skew_s: int) -> None:
        self._path, self._raw = path, read_keys(path)
        self._held = parse_keys(path, self._raw)
        super().__init__(self._held, skew_s)

    async def follow(self, tell: Callable[[ControlEntry], None], interval_s: float = LOOK_INTERVAL_S) -> None:
        """Believes what the file says, until cancelled; `tell` gets an entry of each change."""

        def take(keys: ApiKeys) -> None:
            former, self._held = self._held, keys
            self.replace(keys)
            tell(by_operator(OPERATION, subject=self._path.name, after=bounded(key_changes(former, keys))))

        await KeysWatch(self._path, self._raw, take).run(interval_s)


def key_changes(former: ApiKeys, keys: ApiKeys) -> dict[str, list[str]]:
    """The ids of keys that came, went, or are others now under the same id (secret, role or client)."""
    before, after = _by_id(former), _by_id(keys)
    return {
        "came": sorted(after.keys() - before.keys()),
        "went": sorted(before.keys() - after.keys()),
        "replaced": sorted(name for name in before.keys() & after.keys() if before[name] != after[name]),
    }


def _by_id(keys: ApiKeys) -> Mapping[str, ApiKey | TokenKey]:
    issuer = keys.jwt.keys if keys.jwt else ()
    return {f"api key {key.id} ({key.role})": key for key in keys.api_keys} | {
        f"token key {key.kid}": key for key in issuer
    }
