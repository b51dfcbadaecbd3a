"""What an operator's request means for the shards there are: which are to stay, to come, to go, or to be replaced."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from actors.settings import SHARDS_MAX
from actors.supervision.placing import crowded, free_names, in_order
from actors.wire.cluster_requests import ChangeCluster, NotPossible

NODE_CHARS_MIN = 6
"""So much of a node's name is enough, if no other node begins like it."""


class Plan(NamedTuple):
    """`replace` are to be replaced by fresh processes, away from `avoided` nodes; then `shards` are to carry all slots.

    `scaled` is the number of shards that holds from now on; None if it stays as it is.
    """

    asked: str
    shards: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    scaled: int | None = None
    avoided: tuple[str, ...] = ()


class Standing(NamedTuple):
    """The cluster as a plan needs to know it. `nodes` has the address of each node; `on` the node of each shard.

    No process is started on a node that is `avoided`.
    """

    shards: Sequence[str]
    dedicated: Mapping[str, str]
    nodes: Mapping[str, str]
    on: Mapping[str, str]
    avoided: Sequence[str] = ()


def planned(asked: ChangeCluster, now: Standing) -> Plan | NotPossible:
    """The plan for a request, or why there can't be one."""
    if asked.kind == "scale":
        return _scale(asked.shards, now)
    if asked.kind == "drain":
        return _drain_node(asked.node, now) if asked.node else _drain_shard(asked.shard, now)
    if asked.kind == "rolling_restart":
        everybody = (*in_order(now.shards), *sorted(now.dedicated.values()))
        return Plan(f"a fresh process for each of {len(everybody)} shards", replace=everybody)
    return _rebalance(now)


def _rebalance(now: Standing) -> Plan:
    away = crowded(now.on, [node for node in now.nodes if node not in now.avoided])
    to_nodes = f"{len(away)} shards to emptier nodes, " if away else ""
    return Plan(f"{to_nodes}slots evened out by players", shards=tuple(in_order(now.shards)), replace=tuple(away))


def _scale(count: int, now: Standing) -> Plan | NotPossible:
    if not 1 <= count <= SHARDS_MAX:
        return NotPossible("invalid_request", f"{count} shards: from 1 to {SHARDS_MAX} are possible")
    stay = in_order(now.shards)[:count]
    come = free_names(count - len(stay), {*now.shards, *now.dedicated.values()})
    return Plan(f"{len(now.shards)} → {count} shards", shards=(*stay, *come), scaled=count)


def _drain_shard(shard_id: str, now: Standing) -> Plan | NotPossible:
    if shard_id in now.dedicated.values():
        player_id = next(player for player, shard in now.dedicated.items() if shard == shard_id)
        detail = (
            f"{shard_id} is the shard of the dedicated player {player_id}: take the player out of the catalog first"
        )
        return NotPossible("invalid_state", detail)
    if shard_id not in now.shards:
        return NotPossible("shard_not_found", f"There is no shard {shard_id}; there are: {', '.join(now.shards)}.")
    stay = tuple(name for name in in_order(now.shards) if name != shard_id)
    if not stay:
        return NotPossible("invalid_state", f"{shard_id} is the only shard, and its players have nowhere to go")
    return Plan(f"shard {shard_id}, whose slots go to {', '.join(stay)}", shards=stay, scaled=len(stay))


def _drain_node(name: str, now: Standing) -> Plan | NotPossible:
    found = [node for node in now.nodes if name in (node, now.nodes[node]) or _begins(node, name)]
    listed = ", ".join(f"{node[:12]} ({address})" for node, address in now.nodes.items()) or "none"
    if not found:
        return NotPossible("shard_not_found", f"There is no node {name}; there are: {listed}.")
    if len(found) > 1:
        return NotPossible("invalid_request", f"{name} means {len(found)} nodes; there are: {listed}.")
    if len(now.nodes) == 1:
        return NotPossible("invalid_state", f"{name} is the only node: start another one first")
    here = in_order(shard_id for shard_id, node in now.on.items() if node == found[0])
    return Plan(f"node {found[0]}, with {len(here)} shards", replace=tuple(here), avoided=(found[0],))


def _begins(node: str, name: str) -> bool:
    return len(name) >= NODE_CHARS_MIN and node.startswith(name)
