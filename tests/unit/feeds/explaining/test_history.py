"""The timeline: every running balance is the engine's, pages are stable, and nothing is missing or told twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.events import BetPlaced
from feeds.explaining.amounts import micro
from feeds.explaining.answering import Answering
from feeds.explaining.cursors import CursorInvalid, Cursors, Place
from feeds.explaining.movements import Movement, moved_in
from feeds.explaining.reading import ArchivedEntries
from snapshots.archive.naming import day_of
from snapshots.archive.reading import ArchivedRecords
from snapshots.contract import Position
from tests.support.explained_store import store_of
from tests.support.sealed_archive import SealedArchive
from tests.unit.feeds.explaining.played import Life

SEEDS = range(8)


async def asked(answering: Answering, do: str = "history", **given: Any) -> Any:
    """What is said, decoded."""
    return json.loads(await answering.answer(json.dumps({"do": do, "player_id": "p1", **given}).encode()))


async def history(answering: Answering, **given: Any) -> Any:
    """A page that was found."""
    said = await asked(answering, **given)
    assert said["outcome"] == "found", said
    return said["document"]


async def all_pages(answering: Answering, limit: int, **given: Any) -> list[Any]:
    """All entries, by cursors."""
    found, cursor = [], None
    while True:
        page = await history(answering, limit=limit, **given, **({} if cursor is None else {"cursor": cursor}))
        found += page["entries"]
        cursor = page["cursor"]
        if cursor is None:
            return found


async def archived(life: Life, folder: Path, per_segment: int = 20, days: int = 1) -> ArchivedEntries:
    """The life in an archive, in segments of some days."""
    sealed = SealedArchive(folder)
    for number, at in enumerate(range(0, len(life.transitions), per_segment)):
        cut_ms = life.transitions[0].time_ms + (number % days if days == 1 else number) * 86_400_000 + 1_000 + number
        await sealed.seal(life.transitions[at : at + per_segment], cut_ms)
    return ArchivedEntries(sealed.bucket, ArchivedRecords(sealed.bucket))


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_running_balance_is_the_engines(seed: int) -> None:
    life = Life(seed).play(70)
    entries = await all_pages(Answering(store_of(life.transitions, life.catalog), None, b"s"), 17)
    assert [entry["version"] for entry in entries] == list(range(len(life.transitions), 0, -1))
    for entry in entries:
        after = life.after[entry["version"]]
        shown = entry["after"]
        assert (shown["real"], shown["bonus"], shown["points"]) == (after.real, after.bonus, micro(after.points))
        total = [sum(line["moved"][name] for line in entry["lines"]) for name in ("real", "bonus")]
        assert total == [entry["moved"]["real"], entry["moved"]["bonus"]]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_events_move_adds_up_to_what_the_engine_holds(seed: int) -> None:
    life = Life(100 + seed).play(150)
    balance = Movement()
    for entry in life.transitions:
        balance = balance.plus(moved_in(entry))
        assert balance == life.after[entry.version], entry


async def test_journal_and_archive_together_are_the_whole_history(tmp_path: Path) -> None:
    life = Life(3).play(90)
    newest = life.transitions[-1].version
    archive = await archived(life, tmp_path, days=3)
    store = store_of(life.transitions, life.catalog, held_from=newest - 9, archived=Position(1, newest))
    answering = Answering(store, archive, b"s")
    assert await all_pages(answering, 7) == await all_pages(
        Answering(store_of(life.transitions, life.catalog), None, b"s"), 200
    )


async def test_a_page_costs_as_much_as_it_shows_however_deep(tmp_path: Path) -> None:
    life = Life(4).play(120)
    newest = life.transitions[-1].version
    archive = await archived(life, tmp_path, per_segment=5)
    reads: list[str] = []
    real = archive._bucket.get_range

    async def counted(name: str, start: int, length: int) -> bytes:
        reads.append(name)
        return await real(name, start, length)

    archive._bucket.get_range = counted  # type: ignore[method-assign]
    answering = Answering(store_of(life.transitions, life.catalog, newest, Position(1, newest)), archive, b"s")
    first = await history(answering, limit=5)
    segments = [name for name in reads if name.startswith("segments/")]
    assert len(segments) <= 8, "some to find the place, two to read it"
    assert len(first["entries"]) == 5


async def test_cursors_are_stable_under_new_entries() -> None:
    life = Life(5).play(40)
    before = Answering(store_of(life.transitions, life.catalog), None, b"s")
    first = await history(before, limit=10)
    rest = await history(before, limit=200, cursor=first["cursor"])
    life.play(30)
    after = Answering(store_of(life.transitions, life.catalog), None, b"s")
    assert await history(after, limit=200, cursor=first["cursor"]) == rest
    assert rest["entries"][-1]["version"] == 1 and rest["complete"]


@pytest.mark.parametrize(
    "change", [lambda c: c[:-2], lambda c: "A" + c[1:], lambda c: c + "AA", lambda c: "é", lambda c: ""]
)
async def test_a_tampered_cursor_is_refused(change: Any) -> None:
    life = Life(5).play(40)
    answering = Answering(store_of(life.transitions, life.catalog), None, b"s")
    cursor = (await history(answering, limit=5))["cursor"]
    said = await asked(answering, cursor=change(cursor))
    assert (said["outcome"], said["field"]) == ("wrong", "cursor")


async def test_no_character_of_a_cursor_can_be_changed() -> None:
    place = Place("p1", 7, Movement(1, 2, 3), "2026/11/28")
    cursors = Cursors(b"s")
    cursor = cursors.seal(place)
    assert cursors.open(cursor, "p1") == place
    for at, char in enumerate(cursor):
        for other in "AB_z9":
            if other != char:
                with pytest.raises(CursorInvalid):
                    cursors.open(cursor[:at] + other + cursor[at + 1 :], "p1")


async def test_a_cursor_of_another_player_or_another_croupier_is_refused() -> None:
    life = Life(5).play(40)
    store = store_of(life.transitions, life.catalog)
    cursor = (await history(Answering(store, None, b"s"), limit=5))["cursor"]
    assert (await asked(Answering(store, None, b"other"), cursor=cursor))["outcome"] == "wrong"
    said = await Answering(store, None, b"s").answer(json.dumps({"do": "history", "player_id": "p2"}).encode())
    assert json.loads(said)["outcome"] == "no_player"


async def test_a_period_is_from_and_up_to() -> None:
    life = Life(6).play(60)
    answering = Answering(store_of(life.transitions, life.catalog), None, b"s")
    times = sorted({done.time_ms for done in life.transitions})
    begin, end = times[len(times) // 3], times[2 * len(times) // 3]
    wanted = [done.version for done in life.transitions if begin <= done.time_ms < end]
    entries = await all_pages(answering, 4, from_ms=begin, to_ms=end)
    assert [entry["version"] for entry in entries] == wanted[::-1]
    for entry in entries:
        assert entry["after"]["real"] == life.after[entry["version"]].real


async def test_what_is_gone_is_said() -> None:
    life = Life(7).play(40)
    newest = life.transitions[-1].version
    answering = Answering(store_of(life.transitions, life.catalog, held_from=newest - 4), None, b"s")
    page = await history(answering)
    assert len(page["entries"]) == 5 and page["cursor"] is None
    assert not page["complete"]
    assert page["note"] == f"Entries up to version {newest - 5} are not in the journal, and there is no archive."


async def test_entries_on_their_way_to_the_archive_are_not_called_missing(tmp_path: Path) -> None:
    life = Life(7).play(40)
    newest = life.transitions[-1].version
    archive = await archived(life, tmp_path)
    for segment in sorted((tmp_path / "index").rglob("*.index"))[-1:]:
        segment.unlink()
    store = store_of(life.transitions, life.catalog, held_from=newest + 1, archived=Position(1, newest))
    assert (await asked(Answering(store, archive, b"s")))["outcome"] == "behind"


async def test_points_are_exact() -> None:
    life = Life(8).play(30)
    page = await history(Answering(store_of(life.transitions, life.catalog), None, b"s"))
    assert page["entries"][0]["after"]["points"] == micro(life.table.state.loyalty.available)


@pytest.mark.parametrize("request_", [b"", b"{}", b'{"do":"history"}', b'{"do":"history","player_id":"p1","limit":0}'])
async def test_nonsense_is_said_to_be_wrong(request_: bytes) -> None:
    life = Life(8).play(3)
    said = json.loads(await Answering(store_of(life.transitions, life.catalog), None, b"s").answer(request_))
    assert said["outcome"] == "wrong"


async def test_what_is_far_back_is_found_by_its_day_or_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.explaining.reading.DAYS_READ_MAX", 2)
    life = Life(9).play(80)
    newest = life.transitions[-1].version
    archive = await archived(life, tmp_path, per_segment=9, days=9)
    answering = Answering(store_of(life.transitions, life.catalog, newest, Position(1, newest)), archive, b"s")
    assert [entry["version"] for entry in await all_pages(answering, 200)] == list(range(newest, 0, -1))
    [opened, *_] = [ev for done in life.transitions for ev in done.events if isinstance(ev, BetPlaced) and ev.opens]
    assert (await asked(answering, "round", session_id=opened.session_id))["outcome"] == "not_found"
    day = day_of(life.transitions[0].time_ms)
    assert (await asked(answering, "round", session_id=opened.session_id, day=day))["outcome"] == "found"


async def test_a_snapshot_may_overtake_the_reading_of_the_journal() -> None:
    life = Life(2).play(40)
    store = store_of(life.transitions, life.catalog)
    whole = await history(Answering(store, None, b"s"))
    late, newest = store_of(life.transitions, life.catalog), len(life.transitions)
    late._snapshots["p1"] = life.table.player
    read_log, load_player, loaded = late.read_log, late.load_player, []

    async def without_the_newest_at_first(log_id: str, after_seq: int, limit: int) -> Any:
        return [each for each in await read_log(log_id, after_seq, limit) if loaded or each.seq <= newest - 3]

    async def counted(player_id: str) -> Any:
        loaded.append(player_id)
        return await load_player(player_id)

    late.read_log, late.load_player = without_the_newest_at_first, counted
    assert await history(Answering(late, None, b"s")) == whole


async def test_an_error_is_answered_and_not_waited_for() -> None:
    life = Life(2).play(5)
    store = store_of(life.transitions, life.catalog)

    async def broken(version: str) -> bytes:
        raise MemoryError

    store.get_catalog = broken
    assert (await asked(Answering(store, None, b"s")))["outcome"] == "unavailable"
