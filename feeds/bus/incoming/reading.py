"""From a message to a command, or to the reason why it never becomes one."""

from typing import Final

import msgspec

from engine.commands import CommandBody
from feeds.bus.incoming.cloud_events import EventRefused, envelope_of
from feeds.bus.incoming.documents import body_of
from feeds.bus.incoming.record import Record
from feeds.bus.incoming.settings import BusInSettings

AGE_MAX_MS: Final = 23 * 3_600_000
"""A player remembers ids for 24 hours (rules §3); an older event might be applied twice."""
AHEAD_MAX_MS: Final = 600_000
"""An event from the future would be young for too long. Clocks may differ by this much."""


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A command that came by the bus. `time_ms` is when the event happened."""

    player_id: str
    command_id: str
    time_ms: int
    body: CommandBody

    def age_problem(self, now_ms: int) -> EventRefused | None:
        """Why its time forbids to try it now: `too_old` or `time_ahead`."""
        if now_ms - self.time_ms > AGE_MAX_MS:
            return EventRefused("too_old", "It happened more than 23 hours ago: whether it was applied is not known.")
        if self.time_ms - now_ms > AHEAD_MAX_MS:
            return EventRefused("time_ahead", "Its time lies more than 10 minutes ahead: the sender's clock is wrong.")
        return None


class Reader:
    """Knows what is accepted of each topic."""

    def __init__(self, settings: BusInSettings) -> None:
        self._bytes_max = settings.event_bytes_max
        self._types = {topic.name: frozenset[str](topic.types) for topic in settings.topics}
        self._sources = {topic.name: topic.sources for topic in settings.topics}

    def read(self, record: Record) -> Incoming:
        """The command. Raises EventRefused."""
        if len(record.value) > self._bytes_max:
            raise EventRefused("too_large", f"{len(record.value)} bytes are more than {self._bytes_max}.")
        envelope = envelope_of(record)
        if envelope.type not in self._types[record.topic]:
            raise EventRefused("unknown_type", f"{envelope.type[:80]!r} is not accepted from topic {record.topic}.")
        sources = self._sources[record.topic]
        if sources is not None and envelope.source not in sources:
            raise EventRefused("unknown_source", f"{envelope.source!r} is not accepted from topic {record.topic}.")
        return Incoming(envelope.player_id, envelope.command_id, envelope.time_ms, body_of(envelope))
