"""Which slots should move next so that shards carry alike. Pure: the table goes in, one step comes out.

Each step brings the table nearer to even, so an operation is always computed anew from the table in the store.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

ALIKE_SHARE = 20
"""Loads are alike that differ by at most this part of what a shard carries on average."""
_NUMBERED = re.compile(r"s(\d+)")


class Step(NamedTuple):
    """Slots that change from one shard to another."""

    loser: str
    gainer: str
    slots: tuple[int, ...]


def number_of(shard_id: str) -> int:
    """The number in the name of a shard that slots belong to; -1 for other names."""
    found = _NUMBERED.fullmatch(shard_id)
    return int(found[1]) if found else -1


def in_order(shards: Iterable[str]) -> list[str]:
    """By number: `s2` before `s10`."""
    return sorted(shards, key=lambda shard_id: (number_of(shard_id), shard_id))


def free_names(count: int, taken: Collection[str]) -> list[str]:
    """The first names of shards that are not taken."""
    names: list[str] = []
    number = 0
    while len(names) < count:
        if f"s{number}" not in taken:
            names.append(f"s{number}")
        number += 1
    return names


def crowded(on: Mapping[str, str], nodes: Collection[str]) -> list[str]:
    """Shards that should go elsewhere, so that no node has two shards more than another. `on`: the node of each."""
    shards_of = {node: in_order(shard_id for shard_id, found in on.items() if found == node) for node in sorted(nodes)}
    away: list[str] = []
    while shards_of:
        fullest = max(shards_of.values(), key=len)
        emptiest = min(shards_of.values(), key=len)
        if len(fullest) - len(emptiest) < 2:
            break
        away.append(fullest.pop())
        emptiest.insert(0, away[-1])
    return away


def next_step(table: Sequence[str], shards: Sequence[str], slots_max: int, weights: Sequence[int]) -> Step | None:
    """The next slots to move, all of one shard and to one shard; None if `shards` own all slots and carry alike.

    `weights` says what each slot carries, above 0. First the slots of shards that are not in `shards` leave; then the
    heaviest shard gives to the lightest as long as that brings both closer together. Loads that differ by less than a
    twentieth are alike, unless all slots weigh the same: then no shard has more than one slot more than another.
    """
    loads = dict.fromkeys(in_order(shards), 0)
    for slot, owner in enumerate(table):
        if owner in loads:
            loads[owner] += weights[slot]
    gainer = min(loads, key=lambda shard_id: loads[shard_id])
    leaving = next((owner for owner in table if owner not in loads), None)
    if leaving is not None:
        fair = -(-sum(weights) // len(loads))
        return Step(leaving, gainer, _up_to(table, leaving, slots_max, weights, fair - loads[gainer]))
    loser = max(loads, key=lambda shard_id: loads[shard_id])
    gap = loads[loser] - loads[gainer]
    if gap <= alike(weights, len(loads)):
        return None
    total = sum(weights)
    amount = min(loads[loser] - total // len(loads), -(-total // len(loads)) - loads[gainer])
    slots = _evening(table, loser, slots_max, weights, gap, amount)
    return Step(loser, gainer, slots) if slots else None


def alike(weights: Sequence[int], shards: int) -> int:
    """The largest difference between two loads that nothing is moved for."""
    same = max(weights) == min(weights)
    return weights[0] if same else sum(weights) // (ALIKE_SHARE * shards)


def slots_left(table: Sequence[str], shards: Collection[str]) -> int:
    """About so many slots still have to move until each of `shards` has its share."""
    share = -(-len(table) // len(shards))
    held = {shard_id: sum(owner == shard_id for owner in table) for shard_id in shards}
    return len(table) - sum(min(count, share) for count in held.values())


def _up_to(table: Sequence[str], loser: str, slots_max: int, weights: Sequence[int], room: int) -> tuple[int, ...]:
    """Slots of the loser, as many as fit into the room, but at least one."""
    slots: list[int] = []
    for slot in (slot for slot, owner in enumerate(table) if owner == loser):
        room -= weights[slot]
        if slots and (room < 0 or len(slots) >= slots_max):
            break
        slots.append(slot)
    return tuple(slots)


def _evening(
    table: Sequence[str], loser: str, slots_max: int, weights: Sequence[int], gap: int, amount: int
) -> tuple[int, ...]:
    """Slots of the loser that weigh about `amount` together; each of them makes the gap between the two smaller."""
    held = {slot for slot, owner in enumerate(table) if owner == loser}
    slots: list[int] = []
    while len(slots) < slots_max and amount > 0 and (fitting := [slot for slot in held if weights[slot] < gap]):
        slot = min(fitting, key=lambda slot: (abs(amount - weights[slot]), slot))
        held.remove(slot)
        slots.append(slot)
        gap, amount = gap - 2 * weights[slot], amount - weights[slot]
    return tuple(sorted(slots))
