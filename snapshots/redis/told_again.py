"""Rule 15 on Redis: where a shard stands on a server of another history, and what is told to that server again."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import hiredis
import msgspec

from snapshots.contract import GENESIS, Claim, FallbackGrant, Incarnation, LogHead, Owner, Standing
from snapshots.errors import StoreUnavailable
from snapshots.redis.connection import LIBRARY, MARK, RedisConnection
from snapshots.redis.link import Argument
from snapshots.redis.moves import move_of, token
from snapshots.redis.refusals import behind_a_write
from snapshots.rows import packed
from snapshots.slots import slot_of


class RedisToldAgain(RedisConnection):
    """The part of `snapshots.lost_tail.LostTail` that functions do."""

    async def standing(self, inc: Incarnation) -> Standing:
        """See LostTail."""
        await self._meet_anew()
        epoch, nonce, log_id, seq, digest, puts = await self._call_met("standing", inc.shard_id)
        head = LogHead(int(seq or 0), digest or GENESIS)
        return Standing(int(epoch or 0), nonce.decode(), log_id.decode(), head, int(puts or 0))

    async def claim_again(self, claim: Claim, owner: Owner, grant: FallbackGrant | None = None) -> LogHead:
        """See LostTail."""
        former = claim.former_head
        seq, digest = await self._call_met(
            "claim_again", *token(claim.incarnation), packed(owner), GENESIS,
            claim.former_log, former.seq, former.hash, packed(grant),
        )  # fmt: skip
        return LogHead(int(seq), digest)

    async def release_again(
        self,
        inc: Incarnation,
        slots: Sequence[int],
        dedicated: Sequence[str],
        gainer: str,
        versions: Mapping[str, int],
    ) -> Incarnation:
        """See LostTail."""
        digest, move = move_of(None, slots, dedicated, gainer, versions)
        await self._call_met("release_again", *token(inc), gainer, digest, inc.epoch + 1, move)
        return Incarnation(inc.shard_id, inc.epoch + 1, inc.nonce, inc.log_id)

    async def own_again(
        self, inc: Incarnation, slots: Sequence[int], dedicated: Sequence[str], known: Mapping[str, int]
    ) -> Sequence[str]:
        """See LostTail."""
        encode = msgspec.msgpack.encode
        places = [part for player_id in dedicated for part in (player_id, str(slot_of(player_id)))]
        losers = await self._call_met(
            "own_again", *token(inc), encode([str(slot) for slot in slots]), encode(places), encode(dict(known))
        )
        return [loser.decode() for loser in losers]

    async def take_term_again(self, term: int, holder: str, lease_ms: int) -> None:
        """See LostTail."""
        await self._call("take_term_again", term, holder, lease_ms)

    async def _call_met(self, function: str, *arguments: Argument) -> Any:
        """On the connection of appends, which meets a new history first. With sentinels, a replica must have it."""
        link = self._link
        if link is None:
            return await self._call(function, *arguments)
        reply = await link.call("FCALL", f"{LIBRARY}_{function}", 0, *arguments)
        if isinstance(reply, hiredis.ReplyError):
            raise await self._failure(str(reply))
        wanted, patience_ms = self._endpoint.replicas_of_control, self._append_timeout_ms // 2
        if wanted and function != "standing":
            marked = await link.call("FCALL", MARK, 0)
            have = marked if isinstance(marked, hiredis.ReplyError) else await link.call("WAIT", wanted, patience_ms)
            if isinstance(have, hiredis.ReplyError):
                raise behind_a_write(str(have))
            if cast("int", have) < wanted:
                raise StoreUnavailable(f"Redis: {have} of {wanted} replicas have it within {patience_ms} ms")
        return reply
