"""What an error reply of Redis says about writing: why it refuses, whether that proves anything, whether it passes."""

from typing import Final, NamedTuple

from redis.exceptions import RedisError

from snapshots.errors import LineageChanged, StoreRefused, StoreUnavailable
from snapshots.redis.lineage import OtherLineage


class _Meaning(NamedTuple):
    reason: str
    passes: bool = False


_MEANINGS: Final = {
    "OOM": _Meaning("oom"),
    "READONLY": _Meaning("readonly"),
    "MISCONF": _Meaning("misconf"),
    "NOREPLICAS": _Meaning("noreplicas"),
    "WRONGTYPE": _Meaning("wrongtype"),
    "NOPERM": _Meaning("noperm"),
    "NOAUTH": _Meaning("noperm"),
    "WRONGPASS": _Meaning("noperm"),
    "LOADING": _Meaning("loading", passes=True),
    "MASTERDOWN": _Meaning("masterdown", passes=True),
    "CLUSTERDOWN": _Meaning("clusterdown", passes=True),
    "TRYAGAIN": _Meaning("clusterdown", passes=True),
    "BUSY": _Meaning("busy", passes=True),
}
"""By the first word of the reply. Redis gives all of them before a function runs, except `WRONGTYPE`: a function meets
a key of the wrong type before its first write, because it reads what it will write (`functions.lua`).
"""


def failure(error: RedisError) -> StoreUnavailable:
    """What to raise for any failure of a call through the client, a refusal included."""
    if isinstance(error, OtherLineage):
        return LineageChanged(f"Redis: {error}")
    return unavailable(worded(error))


def worded(error: RedisError) -> str:
    """The error reply as Redis sent it: the client cuts off the first word of those that it knows."""
    code = getattr(error, "status_code", None)
    return f"{code} {error}" if code else str(error)


def unavailable(text: str) -> StoreUnavailable:
    """What to raise for an error reply that is none of Croupier's own. StoreRefused if it tells why nothing is written.

    Of an error nobody knows it is not known whether anything was written before it.
    """
    meaning = _MEANINGS.get(text.partition(" ")[0])
    if meaning is not None:
        return StoreRefused(f"Redis: {text}", meaning.reason, proved=True, passes=meaning.passes)
    if text.startswith("ERR "):
        return StoreRefused(f"Redis: {text}", "other", proved=False)
    return StoreUnavailable(f"Redis: {text}")
