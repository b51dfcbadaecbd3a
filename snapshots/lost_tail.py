"""What a store promises that may lose the tail of what it acknowledged (rule 15). A part of `contract.Store`.

Redis may: a server that is started again, or a replica that is promoted, has all that came before some moment and
nothing that came after it. Whoever wrote what is lost tells it again: shards their records, claims and slot moves, the
supervisor its term. Each call checks in the same step that nobody has decided otherwise meanwhile, so that no shard and
no slot ever has two owners; a refused call changes nothing and raises `Fenced`. Each may be repeated.

SQLite loses nothing: there, the names of histories are empty, and what is told again is `Fenced`.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from snapshots.records import Claim, FallbackGrant, Incarnation, LogHead, Owner, Standing


class LostTail(Protocol):
    """See the module."""

    async def watch_lineage(self) -> str:
        """From now on this instance notices when a new connection reaches a server of another history.

        Every call then raises `LineageChanged` and sends nothing, until `standing` and `follow_lineage`. Answers the
        name of the history; an instance that watches already keeps the one that it knows. Empty: this store can't lose
        what it acknowledged, and nothing is watched.
        """

    async def lineage_now(self) -> str:
        """The name of the history that the server has at this moment; empty if there is but one."""

    async def standing(self, inc: Incarnation) -> Standing:
        """Where the incarnation's shard stands now, whoever holds it. Epoch 0: the store knows no such shard.

        A store that loses its tail loses all that came after some moment, and nothing before it: if it has counted the
        last put of snapshots that it confirmed, it has all of them.

        Appends, and what is told again, are let through from now on; all other calls are not yet.
        """

    async def follow_lineage(self) -> str:
        """All calls are let through again: the history that `standing` met is the one to go on with.

        Answers its name.
        """

    async def claim_again(self, claim: Claim, owner: Owner, grant: FallbackGrant | None = None) -> LogHead:
        """The store does not know the claim any more: it is won again, with an empty log.

        Answers where that log stands. With a `grant`, the same step notes it, also if the store knows the claim: at no
        time may anybody take the shard who does not ask for its fallback file (rule 16).

        Only if the shard's log is still the one that the claim sealed, stands where it stood then, and no later
        claim was made. `Fenced` if not. Repeating the call after records were appended answers their end.
        """

    async def release_again(
        self,
        inc: Incarnation,
        slots: Sequence[int],
        dedicated: Sequence[str],
        gainer: str,
        versions: Mapping[str, int],
    ) -> Incarnation:
        """The store does not know the slot move any more: as `release_slots`, whatever the term is.

        `inc` is the incarnation before the move. What the gainer owns already stays with it. `Fenced` if any of the
        slots or players belongs to anybody else by now.
        """

    async def own_again(
        self, inc: Incarnation, slots: Sequence[int], dedicated: Sequence[str], known: Mapping[str, int]
    ) -> Sequence[str]:
        """Takes back those of the slots and players that the table gives to others; answers to whom it gave them.

        Shards that have told again since the claim what they gave to this one are named, too: either way, the store had
        lost that these players came.

        `known` are the epochs of shards as they were when the incarnation read the table last. A shard gives slots
        away by raising its epoch; so one whose epoch is lower does not serve them, unless it was claimed in this
        history. `Fenced`, and nothing is taken, if any of them belongs to a shard that may serve it.
        """

    async def take_term_again(self, term: int, holder: str, lease_ms: int) -> None:
        """The store does not know the term any more. `Fenced` if it has it from another holder, or a later one."""
