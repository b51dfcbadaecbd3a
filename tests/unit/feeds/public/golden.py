"""What was published of version 1: schemas, and events with the journal's entries that they were made of.

`python -m tests.unit.feeds.public.golden` adds what is new, and never changes what is there.
"""

import base64
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.transition import Transition
from feeds.public.mapping import public_events
from feeds.public.schemas import files
from tests.unit.feeds.public.samples import TRANSITIONS

FOLDER: Final = Path(__file__).parent / "golden_v1"
ENTRIES: Final = FOLDER / "entries.jsonl"
_transition = msgspec.msgpack.Decoder(Transition)


class Golden(msgspec.Struct, frozen=True):
    """An entry of the journal (base64), and the events it was told as."""

    entry: str
    events: list[dict[str, Any]]

    @property
    def transition(self) -> Transition:
        """As the journal holds it."""
        return _transition.decode(base64.b64decode(self.entry))


def as_json(data: msgspec.Struct) -> dict[str, Any]:
    """The data as consumers get it."""
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(data))
    return decoded


def told(transition: Transition) -> list[dict[str, Any]]:
    """The public events, as consumers get them."""
    return [
        {"id": event.id, "type": event.type, "time_ms": event.time_ms, "data": as_json(event.data)}
        for event in public_events(transition)
    ]


def entries() -> list[Golden]:
    """Those that were recorded."""
    lines = ENTRIES.read_bytes().splitlines() if ENTRIES.exists() else []
    return [msgspec.json.decode(line, type=Golden) for line in lines]


def main() -> None:
    """Adds new schemas and entries."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in files().items():
        if not (FOLDER / name).exists():
            (FOLDER / name).write_text(content)
    known = {golden.entry for golden in entries()}
    with ENTRIES.open("ab") as file:
        for transition in TRANSITIONS:
            encoded = base64.b64encode(msgspec.msgpack.encode(transition)).decode()
            if encoded not in known:
                file.write(msgspec.json.encode(Golden(encoded, told(transition))) + b"\n")


if __name__ == "__main__":
    main()
