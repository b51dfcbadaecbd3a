"""Notices when the reader dies, at every boundary; and the whole reader over a real store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from actors.settings import ReaderPlan
from actors.stored_catalogs import CatalogContent, encode_content
from croupier.catalog import check_folder
from feeds.following.runner import run
from feeds.notifications.sink import real_ms
from snapshots.codec import encode_batch
from snapshots.contract import CatalogRow, LogHead, Owner
from snapshots.opening import open_store
from tests.support.example_catalog import SHIPPED
from tests.support.notes import MemoryNotes
from tests.support.notice_world import World, level_changed
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise

BOTH = {"level_changed": {"channels": ["email", "sms"]}}
PLAYERS = ("p1", "p2")
WRITES = 1 + 2 * len(PLAYERS) * 2
"""The record's, and two for each notice."""


class DyingNotes(MemoryNotes):
    """Nothing is answered any more from write `last` on; whether that one is still written, `written` says."""

    def __init__(self, last: int, written: bool) -> None:
        super().__init__()
        self.dead = asyncio.Event()
        self._left, self._written = last, written

    async def read(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Mapping[str, bytes]:
        await self._live()
        return await super().read(prefix, after, limit)

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        await self._live()
        self._left -= 1
        if self._left == 0:
            self.dead.set()
            if self._written:
                await super().write(notes)
        await self._live()
        await super().write(notes)

    async def _live(self) -> None:
        if self.dead.is_set():
            await asyncio.Event().wait()


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("last", range(1, WRITES + 1))
async def test_a_death_at_any_note_repeats_no_sms_and_loses_no_mail(
    world: World, last: int, written: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.notifications.sink.CLOSE_TIMEOUT_S", 0.05)
    records = [world.happens(player_id, level_changed()) for player_id in PLAYERS]
    whole = msgspec.structs.replace(records[0], entries=[entry for each in records for entry in each.entries])
    dying = world.notes = DyingNotes(last, written)
    async with world.sink(kinds=BOTH) as sink:
        taking = asyncio.create_task(sink.take(whole))
        await asyncio.wait_for(dying.dead.wait(), PATIENCE_S)
        await asyncio.sleep(0.05)  # what is under way gets to its next note
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
    world.notes = MemoryNotes()
    world.notes.kept = dying.kept
    async with world.sink(kinds=BOTH) as sink:
        await sink.take(whole)
        await world.until(lambda: not unfinished(world.notes))
    posts = Counter(post["to"] for post in world.posted)
    assert posts.total() + world.count("sms", "unknown") >= len(PLAYERS)
    assert posts.total() <= len(PLAYERS)
    mails = Counter(mail["Message-ID"] for mail in world.mail.mails)
    assert len(mails) == len(PLAYERS)
    assert max(mails.values()) <= 2


def unfinished(notes: MemoryNotes) -> list[str]:
    return [key for key, value in notes.kept.items() if key.startswith("owed:") and b'"done"' not in value]


async def test_the_reader_over_a_store_tells_in_the_words_of_the_catalog_in_force(world: World) -> None:
    url = f"sqlite:{world.folder / 'store'}"
    store = open_store(url)
    await store.open()
    checked = check_folder(SHIPPED).sound()
    content = CatalogContent(checked.catalog, msgspec.msgpack.encode(checked.texts))
    await store.put_catalog("v1", encode_content(content))
    await store.commit_catalog(await store.take_term(), CatalogRow(1, "v1", 1, "ops"))
    inc = (await store.claim("s0", Owner("host-1", 100, 5_000), "n")).incarnation
    off = {"begin": "00:00", "end": "00:00"}
    settings = world.settings(catalog=None, store=world.secret("store", url), quiet_hours=off)
    registry = CollectorRegistry()
    ended: list[str] = []
    world.contacts["p1"] = {
        "language": "de",
        "addresses": {"email": "anna@players.example"},
        "consents": {"casino": {"email": True}},
    }
    plan = ReaderPlan("notices", "feeds.notifications.making.make", msgspec.json.encode(settings))
    reader = await run(plan, url, registry, ended.append)
    try:
        world.now_ms = real_ms()
        [entry] = world.happens("p1", level_changed("gold", "silver", "play")).entries
        await store.append(inc, LogHead(), encode_batch([(entry.player_id, entry.version, entry.data)]), 1)
        await world.until(lambda: len(world.mail.mails) == 1, 15)
        assert await reader.settle(5)
        assert (await store.reader_positions("notices"))["s0"].seq == 1
    finally:
        await reader.close()
        await store.close()
    assert ended == []
    [mail] = world.mail.mails
    assert mail["Subject"] == "Willkommen bei Gold"
    assert registry.get_sample_value("notice_delay_seconds_count", {"channel": "email"}) == 1
