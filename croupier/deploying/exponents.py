"""What only a running store knows of a catalog: the exponents in which players hold its currencies (rules §2.7)."""

from collections.abc import Sequence

from croupier.catalog.folder import PLATFORM
from croupier.catalog.places import Problem
from croupier.catalog.problems import Checked
from engine.catalog import Catalog
from engine.currencies import COUNTED_PLAYERS, OtherExponent, other_exponents
from engine.tally import PLAYERS
from snapshots.contract import Store


async def exponent_problems(store: Store, in_force: Catalog | None, checked: Checked) -> tuple[Problem, ...]:
    """Every currency of a checked catalog that players hold with another exponent. Raises StoreUnavailable."""
    wanted = other_exponents(checked.catalog, in_force)
    if not wanted:
        return ()
    counted = await store.tallies([PLAYERS, COUNTED_PLAYERS, *(each.counter for each in wanted)])
    problems = [_problem(checked, each, _holding(players)) for each in wanted if (players := counted[each.counter]) > 0]
    if in_force is not None and counted[PLAYERS] > counted[COUNTED_PLAYERS]:
        earlier = _in_force_before(wanted, in_force)
        told = {each.currency for each in wanted if counted[each.counter]}
        whom = "players whom an earlier version registered may hold"
        problems += [_problem(checked, each, whom) for each in earlier if each.currency not in told]
    return tuple(problem for problem in problems if problem is not None)


def _in_force_before(wanted: Sequence[OtherExponent], in_force: Catalog) -> list[OtherExponent]:
    """The exponents of the catalog in force. Players who registered before currencies were counted may hold them."""
    return [
        each
        for each in wanted
        if each.currency in in_force.currencies and in_force.currencies[each.currency].exponent == each.exponent
    ]


def _holding(players: int) -> str:
    return "1 player holds" if players == 1 else f"{players} players hold"


def _problem(checked: Checked, held: OtherExponent, whom: str) -> Problem | None:
    """The problem; None for a currency whose exponent could not be read, which is a problem already."""
    line = checked.exponent_lines.get(held.currency)
    if line is None:
        return None
    exponent = checked.catalog.currencies[held.currency].exponent
    reason = (
        f"{held.currency} has exponent {exponent} here, but {whom} it with exponent {held.exponent}, and "
        f"their money would change its worth; write exponent: {held.exponent}"
    )
    return Problem(PLATFORM, line, reason)
