"""The reckoning: is each acknowledged command there once, and does its key still get the first answer?

What is there is what the timelines of the players say (`GET /players/{id}/history`), one entry for each command.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.crowd import Crowd, Seat
from tests.load.asking import Document, Request

PAGE: Final = 200
REPEATED_EACH: Final = 20
"""So many of a player's last commands are sent once more; the engine remembers the answers of 128."""
AT_ONCE: Final = 4
"""Each of the two gateways works on two timelines at the same time."""
NAMED_MAX: Final = 20


@dataclass
class Reckoning:
    """Keys by what became of them, named `player/key`."""

    acknowledged: int = 0
    entries: dict[str, int] = field(default_factory=dict)
    """How many each player's timeline has."""
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    never_answered: list[str] = field(default_factory=list)
    """They are in a timeline, but no player was told so."""
    resolved: int = 0
    """Acknowledged commands whose first answer was a replay: an earlier attempt had been written, and nobody knew."""
    repeated: int = 0
    other_answers: list[str] = field(default_factory=list)
    """A repeat with the same key got another answer than the first time."""

    def complaints(self) -> list[str]:
        """One line for each kind of fault; none: nothing is lost or doubled."""
        faults = {
            "acknowledged, but not there": self.lost,
            "there more than once": self.doubled,
            "there, but their players were told otherwise": self.never_answered,
            "repeated, and answered otherwise than at first": self.other_answers,
        }
        return [f"{len(keys)} commands {what}: {_some(keys)}" for what, keys in faults.items() if keys]


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys[:NAMED_MAX]) + (" …" if len(keys) > NAMED_MAX else "")


def compare(found: Reckoning, player_id: str, acknowledged: Iterable[str], timeline: Iterable[str]) -> None:
    """Adds one player: keys that were acknowledged, and keys of the timeline's entries, in any order."""
    counts, own = Counter(timeline), set(acknowledged)
    found.acknowledged += len(own)
    found.entries[player_id] = counts.total()
    found.lost += [f"{player_id}/{key}" for key in sorted(own - counts.keys())]
    found.doubled += [f"{player_id}/{key}" for key, count in sorted(counts.items()) if count > 1]
    theirs = {key for key in counts if key.startswith(f"{player_id}-")}
    found.never_answered += [f"{player_id}/{key}" for key in sorted(theirs - own)]


def reckon(crowd: Crowd) -> Reckoning:
    """Asks for all timelines, and repeats each player's last commands."""
    found = Reckoning()
    with ThreadPoolExecutor(AT_ONCE) as asking:
        timelines = list(asking.map(timeline, crowd.seats))
    for seat, keys in zip(crowd.seats, timelines, strict=True):
        player_id = seat.player.player_id
        acknowledged = crowd.record.acknowledged[player_id]
        compare(found, player_id, acknowledged, keys)
        found.resolved += sum(answer.get("replayed") is True for _, answer in acknowledged.values())
        for request, first in repeatable(acknowledged.values()):
            again = seat.caller.ask(request)
            found.repeated += 1
            if again != first | {"replayed": True}:
                found.other_answers.append(f"{player_id}/{request.key}")
    return found


def repeatable(acknowledged: Iterable[tuple[Request, Document]]) -> list[tuple[Request, Document]]:
    """A player's last commands. A bet that was rolled back is none of them: its key is refused from then on."""
    done = list(acknowledged)
    undone = {json.loads(request.body)["transaction_id"] for request, _ in done if request.name == "rollback"}
    return [one for one in done if one[0].key not in undone][-REPEATED_EACH:]


def timeline(seat: Seat) -> list[str]:
    """Keys of all entries of a player, newest first."""
    keys: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        target = f"/players/{seat.player.player_id}/history?limit={PAGE}{more}"
        page: Mapping[str, Any] = seat.caller.ask(Request("history", "platform", "GET", target))
        keys += [entry["request_id"] for entry in page["entries"]]
        cursor = page["cursor"]
    return keys
