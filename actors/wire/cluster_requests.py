"""What a gateway asks of the supervisor about the cluster itself: begin an operation, tell how it stands."""

from typing import Literal

import msgspec

OperationKind = Literal["scale", "drain", "rolling_restart", "rebalance"]


class Keyed(msgspec.Struct, frozen=True, array_like=True):
    """What makes a control request one: digests of its caller and key, and of what it asks."""

    key: bytes
    content: bytes


class ChangeCluster(msgspec.Struct, frozen=True, array_like=True, tag="change_cluster"):
    """Gateway → supervisor: begin an operation. `OperationBegun`, `KeyTaken` or `NotPossible`.

    `shards` is for `scale`; `shard` or `node` is for `drain`.
    """

    kind: OperationKind
    by: str
    shards: int = 0
    shard: str = ""
    node: str = ""
    keyed: Keyed | None = None


class ClusterStatus(msgspec.Struct, frozen=True, array_like=True, tag="cluster_status"):
    """Gateway → supervisor: asks about operations and nodes; answered with `ClusterReport`."""


class CountSlots(msgspec.Struct, frozen=True, array_like=True, tag="count_slots"):
    """Supervisor → shard: how many players in memory live in each slot? Answered with `SlotCounts`."""


class SlotCounts(msgspec.Struct, frozen=True, array_like=True, tag="slot_counts"):
    """Players in memory by slot, without dedicated ones."""

    players: tuple[int, ...]


class Operation(msgspec.Struct, frozen=True, array_like=True):
    """A live operation as it stands. `number` grows with each; `asked` is what was asked for, in words.

    `trouble` is why it waits or has failed, else empty. `slots_left` still have to move, `shards_left` to be replaced
    or retired. `longest_wait_ms` is the longest for which a group of players had no shard while their slots moved.
    Times are Unix ms; `ended_ms` is 0 while it runs.
    """

    number: int
    kind: OperationKind
    asked: str
    by: str
    began_ms: int
    state: Literal["running", "done", "failed"] = "running"
    trouble: str = ""
    ended_ms: int = 0
    slots_moved: int = 0
    slots_left: int = 0
    shards_done: int = 0
    shards_left: int = 0
    longest_wait_ms: int = 0


class OperationBegun(msgspec.Struct, frozen=True, array_like=True, tag="operation_begun"):
    """The operation, as it stands now. `replayed`: it had been begun before under the same key."""

    operation: Operation
    replayed: bool = False


class NotPossible(msgspec.Struct, frozen=True, array_like=True, tag="not_possible"):
    """Nothing was begun: `code` is that of a refusal, `detail` says why in the operator's words."""

    code: str
    detail: str


class ClusterReport(msgspec.Struct, frozen=True, array_like=True, tag="cluster_report"):
    """The operation that runs, or ran last, and the node of each shard that is known."""

    operation: Operation | None
    nodes: dict[str, str]
