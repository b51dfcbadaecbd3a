"""What is to happen in a history: a list of commands and faults, made from a seed, that can be made shorter.

Each item draws from a generator of its own, so that leaving one out changes as little of the others as can be.
"""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

CUSTOMERS, COMMANDS, FAULTS = 10, 20, 60
FAULTS_PER_S = 6.0
KINDS = {
    "kill": 1,
    "freeze": 3,
    "freeze_supervisor": 1,
    "new_supervisor": 1,
    "isolate": 5,
    "part": 1,
    "stall": 1,
    "cut_off": 1,
    "clock": 2,
    "move": 4,
    "deploy": 2,
    "advance_clock": 1,
    "damage": 1,
    "reader": 3,
}
"""What can go wrong, and how often compared with the others; `trouble.Trouble` says what each is."""

POWER_CUT, LOSE_TAIL = "power_cut", "lose_tail"
LIVES_ON_EVERY = 4
"""In every fourth history days pass afterwards, and limits are used up: as long again as the play itself."""
LOSES_EVERY = 4
"""In every fourth history the machine with the store and the shards loses power once; in another fourth of them the
store alone loses its tail.
"""


class Command(NamedTuple):
    """The `number`-th thing that a customer does."""

    customer: int
    number: int

    def __str__(self) -> str:
        return f"c{self.customer}.{self.number}"


class Fault(NamedTuple):
    """Something goes wrong at a virtual second."""

    number: int
    kind: str
    at_s: float

    def __str__(self) -> str:
        return f"f{self.number}"


Item = Command | Fault


class Plan(NamedTuple):
    """A seed, and what is left of what it plans."""

    seed: int
    commands: frozenset[Command]
    faults: tuple[Fault, ...]

    @property
    def lives_on(self) -> bool:
        """Whether days pass afterwards."""
        return self.seed % LIVES_ON_EVERY == 1

    @property
    def loses_tail(self) -> bool:
        """Whether the store is one that may lose what it was told last."""
        return self.cuts_power or self.outlives_tail

    @property
    def cuts_power(self) -> bool:
        """Whether everything goes down with the store."""
        return self.seed % LOSES_EVERY == 3

    @property
    def outlives_tail(self) -> bool:
        """Whether the store loses its tail while everything else lives on (rule 15)."""
        return self.seed % LOSES_EVERY == 0

    @property
    def items(self) -> list[Item]:
        """In an order that depends on nothing."""
        return [*self.faults, *sorted(self.commands)]

    def only(self, items: Sequence[Item]) -> "Plan":
        """The same history with nothing but these."""
        commands = frozenset(item for item in items if isinstance(item, Command))
        faults = tuple(sorted((item for item in items if isinstance(item, Fault)), key=lambda fault: fault.number))
        return Plan(self.seed, commands, faults)

    def rng(self, item: Item) -> random.Random:
        """What the item draws from."""
        return self.rng_of(str(item))

    def rng_of(self, name: str) -> random.Random:
        """A generator for whoever has that name."""
        return random.Random(f"{self.seed}/{name}")


def planned(seed: int) -> Plan:
    """All that a seed plans."""
    rng, now_s, faults = random.Random(f"{seed}/faults"), 0.0, list[Fault]()
    for number in range(FAULTS):
        now_s += rng.expovariate(FAULTS_PER_S)
        faults.append(Fault(number, rng.choices(list(KINDS), list(KINDS.values()))[0], round(now_s, 3)))
    commands = frozenset(Command(customer, number) for customer in range(CUSTOMERS) for number in range(COMMANDS))
    plan = Plan(seed, commands, tuple(faults))
    if not plan.loses_tail:
        return plan
    cut, kind = rng.randrange(FAULTS // 4), POWER_CUT if plan.cuts_power else LOSE_TAIL
    return plan._replace(faults=(*faults[:cut], faults[cut]._replace(kind=kind), *faults[cut + 1 :]))


def written(plan: Plan) -> str:
    """The items as `chosen` reads them."""
    return ",".join(map(str, plan.items))


def chosen(seed: int, items: str) -> Plan:
    """The seed's plan with these items alone. Raises ValueError if one of them is not in it."""
    plan, names = planned(seed), items.split(",")
    by_name = {str(item): item for item in plan.items}
    if strange := [name for name in names if name not in by_name]:
        raise ValueError(f"seed {seed} plans no {', '.join(strange)}")
    return plan.only([by_name[name] for name in names])


def shrunk(plan: Plan, fails: Callable[[Plan], bool], runs_max: int = 150) -> Plan:
    """A shorter plan that still `fails`: parts are left out, half of it first, ever smaller ones then."""
    items, parts, runs = plan.items, 2, 0
    while len(items) > 1 and runs < runs_max:
        size = -(-len(items) // parts)
        for start in range(0, len(items), size):
            rest = items[:start] + items[start + size :]
            runs += 1
            if rest and fails(plan.only(rest)):
                items, parts = rest, max(2, parts - 1)
                break
            if runs == runs_max:
                break
        else:
            if size == 1:
                break
            parts = min(len(items), parts * 2)
    return plan.only(items)
