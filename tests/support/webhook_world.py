"""What surrounds a webhooks sink: notes that outlive it, a journal to take from, clocks that tests move."""

import base64
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from engine import events as e
from engine.catalog import Privileges
from engine.transition import Transition
from feeds.credentials import Credential
from feeds.reading import Followed
from feeds.webhooks.metrics import metrics_of
from feeds.webhooks.replaying import Lookup
from feeds.webhooks.settings import EndpointSettings, WebhooksSettings
from feeds.webhooks.signing import Signer
from feeds.webhooks.sink import WebhooksSink
from snapshots.codec import KeyedEntry, decode_batch, encode_batch, encode_entry
from snapshots.contract import GENESIS, LogRecord, Position
from snapshots.errors import StoreError
from tests.support.notes import MemoryNotes

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
T0 = 1_767_225_600_000


class KilledNotes(MemoryNotes):
    """Notes that survive the sink. After `writes_left` more writes it is as if the process were killed.

    `torn`: the last write is carried out, but its answer is never seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.writes_left: int | None = None
        self.torn = False

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        if self.writes_left == 0:
            if self.torn:
                await super().write(notes)
                self.torn = False
            raise StoreError("killed")
        if self.writes_left is not None:
            self.writes_left -= 1
        await super().write(notes)

    def under(self, prefix: str) -> list[str]:
        return sorted(key for key in self.kept if key.startswith(prefix))


class Clock:
    """Real time as the sink sees it (Unix ms)."""

    def __init__(self, ms: int = T0) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms

    def advance(self, seconds: float) -> None:
        self.ms += int(seconds * 1_000)


def level_changed(new: str) -> e.LevelChanged:
    return e.LevelChanged("bronze", new, "play", Privileges())


class Journal:
    """Records of one shard, one transition each."""

    def __init__(self, shard_id: str = "s0") -> None:
        self.shard_id = shard_id
        self.records: list[Followed] = []
        self.versions: dict[str, int] = {}

    def add(self, player_id: str, *events: e.AnyEvent, time_ms: int = T0) -> Followed:
        version = self.versions[player_id] = self.versions.get(player_id, 0) + 1
        made = events or (level_changed(f"level-{version}"),)
        transition = Transition(player_id, version, time_ms, f"pam:{player_id}-{version}", b"12345678", made, b"")
        payload = encode_batch([(player_id, version, encode_entry(transition))])
        position = Position(1, len(self.records) + 1)
        record = LogRecord(position.seq, GENESIS, GENESIS, payload)
        followed = Followed(self.shard_id, f"{self.shard_id}-1", position, record, decode_batch(payload))
        self.records.append(followed)
        return followed

    def after(self, cursor: Position | None) -> list[Followed]:
        return [record for record in self.records if cursor is None or record.position > cursor]

    @property
    def end(self) -> Position:
        return self.records[-1].position

    async def player_entries(self, player_id: str, since_ms: int) -> Sequence[KeyedEntry]:
        """As the archive answers (see `Lookup`)."""
        return [entry for record in self.records for entry in record.entries if entry.player_id == player_id]

    async def entries_since(self, from_ms: int) -> AsyncIterator[KeyedEntry]:
        """As the archive answers (see `Lookup`)."""
        for record in self.records:
            for entry in record.entries:
                yield entry


def settings(url: str, **changes: Any) -> EndpointSettings:
    given: dict[str, Any] = {"allow_http": True, "networks": ("127.0.0.0/8",), "begin": "oldest"}
    return EndpointSettings(url=url, secrets=(Credential(env="UNUSED"),), **{**given, **changes})


@asynccontextmanager
async def sinking(
    notes: KilledNotes,
    endpoints: Mapping[str, EndpointSettings],
    clock: Clock | None = None,
    secrets: Sequence[str] = (SECRET,),
    registry: CollectorRegistry | None = None,
    lookup: Lookup | None = None,
) -> AsyncIterator[WebhooksSink]:
    """An open sink, which is closed as if by a kill: nothing is finished."""
    sink = WebhooksSink(
        WebhooksSettings(dict(endpoints)),
        {name: Signer(secrets) for name in endpoints},
        notes,
        metrics_of(registry or CollectorRegistry()),
        clock or Clock(),
        lookup,
    )
    await sink.open()
    for endpoint in sink.endpoints.values():
        endpoint.chance = random.Random(7)
    try:
        yield sink
    finally:
        await sink.close()


async def asked(sink: WebhooksSink, **request: Any) -> Any:
    """What the sink answers to a request, as plain JSON."""
    return msgspec.json.decode(await sink.ask(msgspec.json.encode(request)))
