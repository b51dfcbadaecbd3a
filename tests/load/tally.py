"""What the players of a run have done and found, in numbers that can be added up over processes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DIFFERENCES_MAX = 50
"""Sentences that are kept; `counts["differences"]` counts them all."""


@dataclass
class Tally:
    """Sums over players. Amounts are in cents: `expected_…` by the players' books, `held_…` by the server."""

    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        """Adds to one sum."""
        self.counts[what] += number

    def differs(self, sentence: str) -> None:
        """Notes something that the rules don't allow."""
        self.counts["differences"] += 1
        if len(self.differences) < DIFFERENCES_MAX:
            self.differences.append(sentence)

    @property
    def all_reconciled(self) -> bool:
        """Whether each player that arrived was compared with the server."""
        return self.counts["players"] == self.counts["reconciled"]

    def take(self) -> dict[str, Any]:
        """All of it as plain data, which is removed here: what a worker reports is reported once."""
        taken = {"counts": dict(self.counts), "differences": self.differences}
        self.counts, self.differences = Counter(), []
        return taken

    def add(self, taken: Mapping[str, Any]) -> None:
        """Adds what another tally gave away."""
        self.counts.update(taken["counts"])
        self.differences += taken["differences"][: DIFFERENCES_MAX - len(self.differences)]
