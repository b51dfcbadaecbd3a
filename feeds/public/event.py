"""A public event, whatever carries it: its id, its type, its player, its place, and its data."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

import msgspec

from feeds.public.data.base import PublicData

SCHEMA_VERSION: Final = 1
"""Of all public events. Optional fields may be added to it, nothing else may change."""

Family = Literal["account", "bets", "bonus", "loyalty", "money"]


class PublicEvent(msgspec.Struct, frozen=True, gc=False):
    """One public event of a player.

    `type` is the name of the struct of `data`. `version` is the player's version: 1, 2, 3 … without gaps in the
    journal, though not every version has a public event. `n` is the event's place within that version: it grows, may
    have gaps, and is the same whenever the event is told again. `time_ms`: when it happened (Unix ms).
    """

    type: str
    version: int
    n: int
    player_id: str
    time_ms: int
    data: PublicData

    @property
    def id(self) -> str:
        """The same whenever the event is told again: `<player>-<version>-<n>`."""
        return f"{self.player_id}-{self.version}-{self.n}"

    @property
    def sequence(self) -> str:
        """`<version>.<n>`: consumers compare both numbers, as a pair, with the last ones they handled of the player."""
        return f"{self.version}.{self.n}"

    @property
    def ce_type(self) -> str:
        """The type as CloudEvents name it."""
        return ce_type(self.type)


def ce_type(name: str) -> str:
    """The CloudEvents type of the public event called `name`."""
    return f"com.croupier.{name}.v{SCHEMA_VERSION}"


def instant(time_ms: int) -> str:
    """A time (Unix ms) in RFC 3339, as CloudEvents want it: `2026-03-01T12:00:00.000Z`."""
    seconds, thousandths = divmod(time_ms, 1_000)
    return f"{_second(seconds)}.{thousandths:03d}Z"


@lru_cache(maxsize=1_024)
def _second(since_1970: int) -> str:
    """Events come in the order of time: most are of a second that was just written."""
    return f"{datetime.fromtimestamp(since_1970, UTC):%Y-%m-%dT%H:%M:%S}"
