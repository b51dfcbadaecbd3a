"""What the supervisor needs from whatever runs shard processes. Ray is behind it in production."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from snapshots.contract import Incarnation, Owner
from snapshots.errors import Fenced

NOBODY: Mapping[str, int] = {}


class Identity(msgspec.Struct, frozen=True):
    """Who a shard process is: a warm spare while `incarnation` is None."""

    owner: Owner
    incarnation: Incarnation | None
    node: str = ""
    """The node of the cluster that it runs on; "" if there are no nodes."""


class Found(msgspec.Struct, frozen=True):
    """A process of an earlier supervisor. `spare`: it has this supervisor's settings, and was never asked to become a
    shard.
    """

    identity: Identity
    spare: bool


class Released(msgspec.Struct, frozen=True):
    """A shard has given slots away. Their players had no shard for `paused_ms` until the table named the gainer."""

    incarnation: Incarnation
    paused_ms: int


class ShardHandle(Protocol):
    """One shard process. Every call raises ShardDied if the process is dead, or dies meanwhile."""

    node: str
    """The node that it was put on, or was found on; "" while that is not known."""

    async def identity(self) -> Identity:
        """Answers once the process is ready to be activated."""

    async def adopt(self, term: int) -> Found:
        """What the process is. From now on it becomes a shard for no supervisor of an earlier term."""

    async def activate(self, shard_id: str, history: str = "", term: int = 0) -> Incarnation:
        """The process becomes the shard, on a store with this history if one is named (rule 15), for the supervisor of
        this term.

        Raises ActivationFailed with a sentence for the operator; ShardHeld if another process may be able to, where the
        shard's fallback file lies; Adopted.
        """

    async def release(self, term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str) -> Released:
        """The process gives slots away. Raises SlotMoveFailed; then it still owns them."""

    async def gain(self) -> None:
        """The process looks up which slots it has gained."""

    async def drain(self) -> None:
        """The process makes everything durable, retires and may be killed. Raises NotDrained."""

    async def dead(self) -> None:
        """Returns when the process is known to be dead or has retired, never before."""

    def dismiss(self) -> None:
        """Ends a process that has drained, or never was a shard. This is its regular end, not an accident."""

    def kill(self) -> None:
        """Ends the process without ceremony, if it can be reached."""


class Cluster(Protocol):
    """Where shard processes come from. It places and starts them; it restarts nothing by itself."""

    def launch(self, avoided: Collection[str] = (), crowd: Mapping[str, int] = NOBODY) -> ShardHandle:
        """Starts a process on the emptiest node that is not avoided; it is ready when `identity` answers.

        `crowd` says how many processes are on each node. If all nodes are avoided, any will do.
        """

    async def nodes(self) -> Mapping[str, str]:
        """The living nodes that processes may be started on: the address of each, by its name."""

    async def existing(self) -> list[ShardHandle]:
        """Processes started by an earlier supervisor that still run."""


class ShardDied(Exception):
    """The shard process is gone."""


class ActivationFailed(Exception):
    """The process can't become the shard. The message says why."""


class ShardHeld(ActivationFailed):
    """The shard may have gone on without the store, in a file that this process can't see: it stays a spare."""


class Adopted(Fenced):
    """A supervisor of a later term counts on the process: it goes on, and is none of this one's business."""


class SlotMoveFailed(Exception):
    """The slots stay where they were. The message says why."""


class NotDrained(Exception):
    """The process could not make everything durable. The message says why."""
