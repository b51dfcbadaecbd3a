"""Leave for shards to go on without the store (rule 16): each live shard has it from the term that holds now."""

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Final

from actors.routing.client import ShardClient
from actors.supervision.held_term import HeldTerm
from actors.wire.frames import Done, Failed, GiveUpFallback, GrantFallback, ShardReport
from snapshots.contract import Routing, ShardRow, Store
from snapshots.errors import FallbackHeld

log = logging.getLogger("croupier.supervisor")

ANSWER_S: Final = 5.0


class Granting:
    """`look` is for each round of probes. A shard whose grant is of this term costs nothing."""

    def __init__(self, client: ShardClient, term: HeldTerm) -> None:
        self._client, self._term = client, term
        self._trouble: dict[str, str] = {}
        """What keeps a shard from its grant, as it was logged."""

    async def look(self, reports: Mapping[str, ShardReport]) -> None:
        """Has it granted to those shards that have no grant of this term. Raises what `HeldTerm.routing` raises."""
        number = self._term.number
        granted = {name for name, report in reports.items() if report.on_fallback or report.fallback_term == number}
        without = [name for name in reports if name not in granted]
        if without:
            routing = await self._term.routing()
            await asyncio.gather(*(self._grant(routing, shard_id) for shard_id in without))

    async def _grant(self, routing: Routing, shard_id: str) -> None:
        row = routing.shards.get(shard_id)
        trouble = ""
        try:
            answer = await self._client.control(
                None if row is None else row.address, GrantFallback(self._term.number), ANSWER_S
            )
            if not isinstance(answer, Done):
                trouble = str(answer)
        except (OSError, TimeoutError) as failure:
            trouble = str(failure) or "no answer"
        if trouble and trouble != self._trouble.get(shard_id):
            log.warning("shard %s can't go on without the store: %s", shard_id, trouble)
        self._trouble[shard_id] = trouble


async def ask_to_give_up(client: ShardClient, row: ShardRow) -> str:
    """A process that can't see the shard's file is to take it: its owner, if it lives, gives its grant up.

    Answers why it does not, or nothing. Then the claim is refused, unless the file is there, and says why.
    """
    if row.fallback is None:
        return ""
    try:
        answer = await client.control(row.address, GiveUpFallback(), ANSWER_S)
    except (OSError, TimeoutError) as failure:
        log.info("shard %s does not give up its grant: %s", row.shard_id, failure)
        return str(failure) or "no answer"
    if isinstance(answer, Done):
        return ""
    log.warning("shard %s does not give up its grant: %s", row.shard_id, answer)
    return answer.reason if isinstance(answer, Failed) else str(answer)


async def check_takeable(store: Store, client: ShardClient) -> None:
    """Whether another Croupier's shards could be claimed, before its term is taken: each has its file here, or gives
    its grant up. It gets that back from its supervisor, with the next probe, as long as that has the term.

    Raises FallbackHeld, with a sentence for the operator; StoreError if the store does not answer.
    """
    rows = (await store.routing()).shards.values()
    held = [trouble for trouble in await asyncio.gather(*(_trouble(client, row) for row in rows)) if trouble]
    if held:
        raise FallbackHeld(
            f"nothing was taken over, and the other Croupier goes on: {'; '.join(held)}. Try again when `croupier "
            "status` shows these shards as serving, and not on their fallback logs; or start this Croupier where the "
            "files are. A shard whose file is lost: `croupier recover SHARD --accept-loss`"
        )


async def _trouble(client: ShardClient, row: ShardRow) -> str:
    grant = row.fallback
    if grant is None or await asyncio.to_thread(os.path.exists, grant.path):
        return ""
    why = await ask_to_give_up(client, row)
    named = f"shard {row.shard_id} may have gone on without the store, in {grant.path} on host {grant.host}"
    return why and f"{named}, which is not here, and it does not give that up ({why})"
