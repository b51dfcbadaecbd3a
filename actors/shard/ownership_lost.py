"""What an incarnation may have to tell a store again that has lost it (rule 15): its claim and its grant, its moves,
what it owns.

The store says whether it is still true: each call checks that nobody has decided otherwise. Whoever told anything again
ends afterwards, because memory counts on snapshots that may be lost, too: the successor reads logs and snapshots as the
store has them.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NoReturn

from msgspec.structs import replace

from actors.shard.ownership import Ownership
from actors.shard.ring import Ring
from snapshots.contract import (
    ANY_CATALOG,
    NO_TALLIES,
    Claim,
    FallbackGrant,
    Incarnation,
    LogHead,
    LogRecord,
    Owner,
    Routing,
    Standing,
    Store,
)
from snapshots.errors import Fenced

log = logging.getLogger("croupier.shard")

MOVES_MAX, PLAYERS_MAX = 512, 50_000
"""So many moves are remembered at most, with so many players in them; then the oldest are forgotten."""


class Move(NamedTuple):
    """What the shard gave away, and the incarnation that it was before."""

    before: Incarnation
    slots: Sequence[int]
    dedicated: Sequence[str]
    gainer: str
    versions: Mapping[str, int]


class FormerLog:
    """Reads logs for a recovery; the last records of the one that the claim sealed are kept."""

    def __init__(self, store: Store, log_id: str, bytes_max: int) -> None:
        self.ring = Ring(bytes_max)
        self._store, self._log_id = store, log_id

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        """See Store."""
        records = await self._store.read_log(log_id, after_seq, limit)
        if log_id == self._log_id:
            for record in records:
                self.ring.add(LogHead(record.seq - 1, record.previous), record.payload, NO_TALLIES)
        return records


class OwnershipLost:
    """Of one incarnation, whose claim was won by the process `owner`."""

    def __init__(self, store: Store, claim: Claim, owner: Owner, former: Ring) -> None:
        self.grant: Callable[[], FallbackGrant | None] = lambda: None
        """The grant that keeps everybody away who does not ask for the incarnation's fallback file (rule 16)."""
        self._store, self._claim, self._owner, self._former = store, claim, owner, former
        self._moves: deque[Move] = deque()
        self._players = 0
        self._known: dict[str, int] = {}

    # --- while the store loses nothing

    def saw(self, routing: Routing) -> None:
        """The table was read, and followed."""
        for row in routing.shards.values():
            self._known[row.shard_id] = max(row.epoch, self._known.get(row.shard_id, 0))

    def gave_away(self, move: Move) -> None:
        """The store has confirmed the move."""
        self._moves.append(move)
        self._players += len(move.versions)
        while len(self._moves) > MOVES_MAX or self._players > PLAYERS_MAX:
            self._players -= len(self._moves.popleft().versions)

    # --- when it may have lost something

    async def claimed(self, inc: Incarnation, standing: Standing) -> Standing:
        """The store knows the claim, now if not before, and the grant with it; answers where it stands then.

        Before that, the log that the claim sealed gets back what it lacks. Fenced if the store has another history.
        """
        claim, grant = self._claim, self.grant()
        if standing.nonce == inc.nonce and standing.log_id == inc.log_id:
            if grant is not None:
                await self._store.claim_again(claim, self._owner, grant)
            return standing
        if standing.log_id == claim.former_log and standing.nonce:
            await self._complete_former(standing)
        head = await self._store.claim_again(claim, self._owner, grant)
        log.warning("shard %s: the store had lost the claim of %s, which was told again", inc.shard_id, inc.log_id)
        known = claim.incarnation
        return replace(standing, epoch=known.epoch, nonce=known.nonce, log_id=known.log_id, head=head)

    async def _complete_former(self, standing: Standing) -> None:
        """What the former incarnation acknowledged, and this one has read."""
        missing = self._former.after(standing.head)
        if missing is None:
            return
        claim = self._claim
        former = Incarnation(claim.incarnation.shard_id, standing.epoch, standing.nonce, standing.log_id)
        for record in missing:
            await self._store.append(former, record.before, record.payload, ANY_CATALOG)
        log.warning("shard %s: %d records were appended again to %s, without what they counted",
                    former.shard_id, len(missing), former.log_id)  # fmt: skip

    def moves_since(self, inc: Incarnation, epoch: int) -> Sequence[Move]:
        """The moves that raised the epoch from `epoch` to that of `inc`. Fenced if they are not all remembered."""
        moves = [move for move in self._moves if move.before.epoch >= epoch]
        if [move.before.epoch for move in moves] != list(range(epoch, inc.epoch)):
            raise Fenced(f"shard {inc.shard_id}: the store lost moves that this process remembers no more")
        return moves

    async def tell_moves(self, moves: Sequence[Move]) -> None:
        """Gives away again what the store has lost of it, in order. Fenced if that belongs to others by now."""
        for move in moves:
            await self._store.release_again(*move)
            log.warning("shard %s: the store had lost that %d slots and %d players went to %s, which was told again",
                        move.before.shard_id, len(move.slots), len(move.dedicated), move.gainer)  # fmt: skip

    async def own(self, inc: Incarnation, ownership: Ownership) -> bool:
        """Takes back what the table gives to others; answers whether the store had lost that anything came here.

        Fenced if others serve it.
        """
        dedicated = [player for player, shard in ownership.dedicated.items() if shard == inc.shard_id]
        try:
            losers = await self._store.own_again(inc, sorted(ownership.slots), dedicated, self._known)
        except Fenced as refusal:
            self._cannot(inc, refusal)
        if losers:
            named = ", ".join(loser or "nobody" for loser in losers)
            log.warning("shard %s takes back slots: the store had lost that they came from %s", inc.shard_id, named)
        return bool(losers)

    def _cannot(self, inc: Incarnation, refusal: Fenced) -> NoReturn:
        log.error("shard %s can't take back its slots, and what it acknowledged for them stays in %s alone: %s",
                  inc.shard_id, inc.log_id, refusal)  # fmt: skip
        raise refusal
