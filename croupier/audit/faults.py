"""What is wrong with an archive: each fault has a kind, a place and a sentence."""

from typing import Final, Literal

import msgspec

Kind = Literal[
    "object_missing",
    "object_changed",
    "object_damaged",
    "object_unknown",
    "extent_missing",
    "extent_wrong",
    "chain_broken",
    "record_missing",
    "version_missing",
    "version_repeated",
    "entry_damaged",
    "entry_impossible",
    "invariant_broken",
    "balance_wrong",
    "answer_wrong",
    "tile_wrong",
    "tree_behind",
    "checkpoint_invalid",
    "checkpoint_wrong",
    "checkpoint_missing",
    "history_rewritten",
    "history_truncated",
    "control_missing",
    "receipt_invalid",
]
FAULTS_SHOWN_MAX: Final = 1_000


class Fault(msgspec.Struct, frozen=True, order=True):
    """`place` says where: an object, a record, a player and version, as far as that is known."""

    kind: Kind
    place: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.place}: {self.detail}"


class Faults:
    """All that were found: the first 1 000 are kept, all are counted."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self.count = 0

    def add(self, kind: Kind, place: str, detail: object) -> None:
        """One more."""
        self.take([Fault(kind, place, str(detail))], 1)

    def take(self, faults: list[Fault], count: int) -> None:
        """Those of another collector, which counted `count`."""
        self.count += count
        self.found += faults[: FAULTS_SHOWN_MAX - len(self.found)]

    def give(self) -> tuple[list[Fault], int]:
        """What was found since the last call."""
        given = self.found, self.count
        self.found, self.count = [], 0
        return given
