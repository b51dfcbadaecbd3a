"""Rule 15 on SQLite: there is but one history, because what a commit has synced to the disk stays."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from snapshots.contract import Claim, FallbackGrant, Incarnation, LogHead, Owner
from snapshots.errors import Fenced


class NeverLoses:
    """The part of `snapshots.lost_tail.LostTail` that needs no file."""

    async def watch_lineage(self) -> str:
        """Nothing to watch."""
        return ""

    async def lineage_now(self) -> str:
        """The only one."""
        return ""

    async def follow_lineage(self) -> str:
        """The only one."""
        return ""

    async def claim_again(self, claim: Claim, owner: Owner, grant: FallbackGrant | None = None) -> LogHead:
        """Never."""
        _refuse(f"the claim of {claim.incarnation.log_id}")

    async def release_again(
        self,
        inc: Incarnation,
        slots: Sequence[int],
        dedicated: Sequence[str],
        gainer: str,
        versions: Mapping[str, int],
    ) -> Incarnation:
        """Never."""
        _refuse(f"what {inc.shard_id} gave to {gainer}")

    async def own_again(
        self, inc: Incarnation, slots: Sequence[int], dedicated: Sequence[str], known: Mapping[str, int]
    ) -> Sequence[str]:
        """Never."""
        _refuse(f"what {inc.shard_id} owns")

    async def take_term_again(self, term: int, holder: str, lease_ms: int) -> None:
        """Never."""
        _refuse(f"term {term}")


def _refuse(what: str) -> NoReturn:
    raise Fenced(f"{what}: SQLite has lost nothing, so nothing is told again")
