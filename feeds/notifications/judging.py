"""Whether a notice may leave now: its age, the player's contact, consent, blocks and quiet hours."""

import msgspec

from feeds.notifications.asking.asked import Asked, NoAnswer
from feeds.notifications.asking.contacts import Contact, Contacts
from feeds.notifications.asking.standing import points_standing
from feeds.notifications.channels.channel import Channel
from feeds.notifications.metrics import Outcome
from feeds.notifications.owed import Owed
from feeds.notifications.quiet import local, quiet_until_ms, zone
from feeds.notifications.settings import NoticesSettings

RETRIES_S = (30, 120, 300, 600, 1_800, 3_600)
"""After how long an attempt follows the one before; the last number holds on. Greylisting wants minutes."""
NO_ANSWER_RETRY_MS = 30_000


class Go(msgspec.Struct, frozen=True):
    """It may leave. `day`: the date's ordinal where the player is."""

    contact: Contact
    addresses: tuple[str, ...]
    zone: str
    day: int


class Wait(msgspec.Struct, frozen=True):
    """Not before then (Unix ms)."""

    until_ms: int
    outcome: Outcome


class Drop(msgspec.Struct, frozen=True):
    """Never."""

    outcome: Outcome


Verdict = Go | Wait | Drop


class Judge:
    """Judges by the settings and what the platform answers."""

    def __init__(self, settings: NoticesSettings, contacts: Contacts, engine: Asked | None = None) -> None:
        self._settings, self._contacts, self._engine = settings, contacts, engine

    async def verdict(self, owed: Owed, channel: Channel, now_ms: int) -> Verdict:
        """The platform is asked last, and nobody is for what is dropped anyway."""
        if now_ms >= self.stale_ms(owed):
            return Drop("stale")
        marketing = self._settings.category(owed.category).basis == "marketing"
        try:
            if owed.kind == "points_expiring" and not await self._still_expire(owed):
                return Drop("ended")
            contact = await self._contacts.of(owed.player_id)
        except NoAnswer:
            return Drop("no_answer") if marketing else self.wait(owed, now_ms + NO_ANSWER_RETRY_MS, "retried")
        if contact is None:
            return Drop("no_contact")
        return self._of_contact(owed, channel, contact, marketing, now_ms)

    async def _still_expire(self, owed: Owed) -> bool:
        """The player may have played meanwhile. Raises NoAnswer."""
        standing = None if self._engine is None else await points_standing(self._engine, owed.player_id)
        return standing is not None and standing.expires_ms == owed.values["expires"]

    def _of_contact(self, owed: Owed, channel: Channel, contact: Contact, marketing: bool, now_ms: int) -> Verdict:
        if marketing and (contact.blocked or contact.excluded):
            return Drop("blocked")
        if marketing and not contact.wants(self._settings.product, owed.channel):
            return Drop("no_consent")
        addresses = channel.usable(contact.addresses_of(owed.channel))
        if not addresses:
            return Drop("no_address")
        if "amount" in owed.values and not (contact.currency or "currency" in owed.values):
            return Drop("no_currency")
        where = zone(contact.time_zone or self._settings.time_zone, self._settings.time_zone)
        if self._settings.category(owed.category).quiet:
            until_ms = quiet_until_ms(now_ms, where, self._settings.quiet_hours)
            if until_ms is not None:
                return self.wait(owed, until_ms, "deferred")
        return Go(contact, addresses, where.key, local(now_ms, where).toordinal())

    def stale_ms(self, owed: Owed) -> int:
        """When it is of no use any more (Unix ms): some time after it was due, and at the end that it tells of."""
        kind = self._settings.kinds.get(owed.kind)
        stale_ms = owed.due_ms + round((24.0 if kind is None else kind.stale_h) * 3_600_000)
        return min(stale_ms, int(owed.values["expires"])) if owed.kind.endswith("_expiring") else stale_ms

    def wait(self, owed: Owed, until_ms: int, outcome: Outcome) -> Wait | Drop:
        """Until then, unless it would be stale by then."""
        return Wait(until_ms, outcome) if until_ms < self.stale_ms(owed) else Drop("stale")


def retry_ms(attempts: int) -> int:
    """How long after so many attempts the next one follows (ms)."""
    return RETRIES_S[min(attempts, len(RETRIES_S)) - 1] * 1_000
