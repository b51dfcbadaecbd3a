"""What all players of the naive house have had together: the limits they share, counted from their ledgers alone."""

from dataclasses import dataclass

from tests.property.wallet_records import Grant


@dataclass
class Award:
    """One award that the gate let pass, in cents. `grant` is None for free spins alone, given at once."""

    campaign: str
    value: int
    bonus: int
    device: str | None
    given_ms: int
    grant: Grant | None = None

    @property
    def counts(self) -> bool:
        """Not what was declined, given up or lapsed before it was granted."""
        return self.grant is None or not self.grant.never_granted


class Crowd:
    """Everything here is looked up anew each time: nothing can go stale."""

    def __init__(self) -> None:
        self.awards: dict[str, list[Award]] = {}
        """By player."""
        self.seen: set[tuple[str, str, str]] = set()
        """(kind, signal, player) of every deposit."""

    def used(self, campaign: str) -> int:
        """What the campaign's budget has given or holds, cents."""
        return sum(award.value for award in self._counting(campaign))

    def on_device(self, campaign: str, device: str) -> int:
        """How many awards of the campaign went to the device, whoever used it."""
        return sum(1 for award in self._counting(campaign) if award.device == device)

    def others(self, kind: str, signal: str | None, player_id: str) -> bool:
        """Whether anybody else came with that signal."""
        return any((known, value) == (kind, signal) and who != player_id for known, value, who in self.seen)

    def _counting(self, campaign: str) -> list[Award]:
        mine = (award for awards in self.awards.values() for award in awards)
        return [award for award in mine if award.campaign == campaign and award.counts]
