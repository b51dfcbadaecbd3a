"""The sums of a player's facts, beside the player: whatever was played, they say what the player has."""

from collections import Counter

import msgspec

from engine.state import PlayerState
from engine.transition import Transition
from feeds.facts.rows.making import rows

SIGNED = ("points_micro", "locked_micro", "spent_micro", "expired_micro", "reserved", "turnover_micro_eur")


class FactSums:
    """Columns by name, summed over all families, except for `spins`: given, less used."""

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()

    def add(self, transition: Transition, state: PlayerState) -> None:
        """An entry, and the player after it."""
        for family, common, row in rows(transition):
            told = msgspec.structs.asdict(row)
            for name in ("real", "bonus", *SIGNED):
                self.sums[name] += told.get(name) or 0
            self.sums["spins"] += told.get("spins", 0) * (-1 if family == "bets" else 1)
            level, real, bonus = common[7:]
            assert level in (None, state.loyalty.level), (transition, state.loyalty.level)
            assert (real, bonus) in ((None, None), _wallets(state)), transition
        self._agree(state)

    def _agree(self, state: PlayerState) -> None:
        real, bonus = _wallets(state)
        loyalty = state.loyalty
        expected = {
            "real": real,
            "bonus": bonus,
            "points_micro": loyalty.available,
            "locked_micro": loyalty.locked,
            "spent_micro": loyalty.spent,
            "expired_micro": loyalty.expired,
            "reserved": state.reserved,
            "turnover_micro_eur": state.turnover_micro,
            "spins": sum(package.remaining for package in state.packages),
        }
        assert {name: self.sums[name] for name in expected} == expected, "facts and player differ"


def _wallets(state: PlayerState) -> tuple[int, int]:
    return state.real, sum(grant.balance for grant in state.grants)
