"""Which exponents players hold their money in: a currency's never changes while somebody holds it (rules §2.7).

The store counts players by currency and exponent with the entries that register them (`engine.tally`). A catalog that
gives a currency another exponent is told which of these counters must be 0.
"""

from typing import Final, NamedTuple

from engine.catalog import Catalog

EXPONENT_MAX: Final = 4
COUNTED_PLAYERS: Final = "players:by_currency"
"""The counter of players who are counted by currency. Players whom an earlier version registered are not in it."""


class OtherExponent(NamedTuple):
    """A currency of a new catalog, and an exponent other than its new one, in which players may hold it."""

    currency: str
    exponent: int

    @property
    def counter(self) -> str:
        """The counter of the players who hold the currency in this exponent."""
        return holders(self.currency, self.exponent)


def holders(currency: str, exponent: int) -> str:
    """The counter of players registered in a currency while it had this exponent."""
    return f"players:{currency}:{exponent}"


def other_exponents(catalog: Catalog, in_force: Catalog | None) -> tuple[OtherExponent, ...]:
    """What no player may hold if `catalog` is to come into force after `in_force` (None: as the first catalog).

    A currency whose exponent stays the same is left out: it was checked when that exponent came into force.
    """
    before = {} if in_force is None else in_force.currencies
    return tuple(
        OtherExponent(code, exponent)
        for code, currency in sorted(catalog.currencies.items())
        if code not in before or before[code].exponent != currency.exponent
        for exponent in range(EXPONENT_MAX + 1)
        if exponent != currency.exponent
    )
