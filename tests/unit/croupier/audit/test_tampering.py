"""Ways to tamper with an archive, with more and more power: bytes, objects, the chain, the tree, the signing key.

Each is found, and named with its place. The verifier has the public key; where it says so, it also has a checkpoint
from before, or balances of its own.
"""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from msgspec.structs import replace

from croupier.audit.balances import Expected
from croupier.audit.verifying import WAITING_MAX_S, Report, Wanted, verify
from engine import events as e
from engine.remembered import decode_answer
from engine.transition import Transition
from snapshots.archive.place import ArchivePlace
from snapshots.audit.notes import Signer
from tests.support.archiving import PlayedLog
from tests.support.forging import OTHER_SEED, Journal, build, forged, forged_unsigned, journal
from tests.support.proving import ORIGIN, SEED, ProvenArchive

KEY = str(Signer(SEED, ORIGIN).verifier)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honest")
    build(folder, journal())
    return folder


def verified(folder: Path, since: Path | None = None, expected: Mapping[str, Expected] | None = None) -> Report:
    kept = [] if since is None else [(since.name, since.read_text())]
    wanted = Wanted(ArchivePlace(str(folder)), [KEY], kept, expected or {}, processes=0)
    return asyncio.run(verify(wanted))


def checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoints/*/*/*/*.note"))


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("segments/*/*/*/*.zst"))


def flip(path: Path, at: int) -> None:
    """One bit."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


# --- with the power to write objects


def bit_of_a_segment(folder: Path) -> None:
    flip(segments(folder)[1], 200)


def bit_of_a_tile(folder: Path) -> None:
    flip(sorted(folder.glob("tile/0/000.p/*"))[-1], 40)


def bit_of_a_root(folder: Path) -> None:
    flip(checkpoints(folder)[1], len(ORIGIN) + 10)


def bit_of_the_control_log(folder: Path) -> None:
    flip(folder / "control/000000/000/001.msgpack.zst", -8)


def extent_that_begins_elsewhere(folder: Path) -> None:
    path = folder / "extents/000000/000/001.json"
    path.write_text(path.read_text().replace('"first":', '"first":1', 1))


def extent_that_says(name: str) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        path = sorted(folder.glob("extents/*/*/*"))[-1]
        content = msgspec.json.decode(path.read_bytes())
        path.write_bytes(msgspec.json.encode({**content, name: content[name] + 1}))

    tamper.__name__ = f"extent_with_more_{name}"
    return tamper


def extent_of_an_object_elsewhere(folder: Path) -> None:
    path = folder / "extents/000000/000/001.json"
    path.write_text(path.read_text().replace('"object":"', '"object":"../archive/'))


def segment_that_is_gone(folder: Path) -> None:
    segments(folder)[1].unlink()


def extent_that_is_gone(folder: Path) -> None:
    (folder / "extents/000000/000/001.json").unlink()


def segment_that_is_cut_off(folder: Path) -> None:
    path = segments(folder)[2]
    path.write_bytes(path.read_bytes()[:-20])


def segments_that_are_swapped(folder: Path) -> None:
    swap(*segments(folder)[1:])


def tiles_that_are_swapped(folder: Path) -> None:
    swap(*sorted(folder.glob("tile/0/000.p/*"))[-2:])


def segment_that_was_slipped_in(folder: Path) -> None:
    segment, index = segments(folder)[0], sorted(folder.glob("index/*/*/*/*"))[0]
    for path, name in ((segment, "000000000000.msgpack.zst"), (index, "000000000000.index")):
        shutil.copy(path, path.with_name(name))


def checkpoints_that_are_gone(folder: Path) -> None:
    shutil.rmtree(folder / "checkpoints")


def checkpoint_under_another_size(folder: Path) -> None:
    path = checkpoints(folder)[0]
    path.rename(path.with_name(path.name.replace("-0", "-9", 1)))


def the_end_is_gone(folder: Path) -> None:
    checkpoints(folder)[-1].unlink()
    segments(folder)[-1].unlink()
    sorted(folder.glob("index/*/*/*/*"))[-1].unlink()
    sorted(folder.glob("extents/*/*/*"))[-1].unlink()


class Case(NamedTuple):
    """A way to tamper, the kind of the fault, and what its place must name."""

    tamper: Callable[[Path], None]
    kind: str
    place: str


OBJECTS = [
    Case(bit_of_a_segment, "object_changed", "segments/2026/11/28/000000000002"),
    Case(bit_of_a_tile, "tile_wrong", "tile/0/000.p/"),
    Case(bit_of_a_root, "checkpoint_invalid", "checkpoints/2026/11/28/"),
    Case(bit_of_the_control_log, "object_changed", "control/000000/000/001"),
    Case(extent_that_begins_elsewhere, "extent_wrong", "extent 1"),
    Case(extent_that_says("segments"), "extent_wrong", "extent 3"),
    Case(extent_that_says("controls"), "extent_wrong", "extent 3"),
    Case(extent_of_an_object_elsewhere, "extent_missing", "extent 1"),
    Case(segment_that_is_gone, "object_missing", "segments/2026/11/28/000000000002"),
    Case(extent_that_is_gone, "extent_missing", "extent 1"),
    Case(segment_that_is_cut_off, "object_damaged", "segments/2026/11/28/000000000003"),
    Case(segments_that_are_swapped, "object_changed", "segments/2026/11/28/000000000002"),
    Case(tiles_that_are_swapped, "tile_wrong", "tile/0/000.p/"),
    Case(segment_that_was_slipped_in, "object_unknown", "segments/2026/11/28/000000000000"),
    Case(checkpoints_that_are_gone, "checkpoint_missing", "checkpoints"),
    Case(checkpoint_under_another_size, "checkpoint_invalid", "checkpoints/2026/11/28/"),
]


@pytest.mark.parametrize("case", OBJECTS, ids=lambda case: case.tamper.__name__)
def test_objects_that_were_changed(honest: Path, tmp_path: Path, case: Case) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(honest, folder)
    case.tamper(folder)
    named(verified(folder), case.kind, case.place)


def named(report: Report, kind: str, place: str = "") -> None:
    """The fault is among those that were found."""
    assert not report.sound
    assert any(fault.kind == kind and place in fault.place for fault in report.faults), report.faults


def test_what_is_honest_is_sound(honest: Path) -> None:
    report = verified(honest, checkpoints(honest)[0])
    assert report.sound, report.faults
    assert (report.leaves, report.covered, report.proven_checkpoints) == (87, 87, 4)
    assert (report.entries, report.recomputed, report.players) == (81, 81, 3)


def test_an_end_that_is_gone_is_missed_by_who_has_its_checkpoint(honest: Path, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(honest, folder)
    the_end_is_gone(folder)
    assert verified(folder).sound
    named(verified(folder, checkpoints(honest)[-1]), "history_truncated")


# --- with the power to make journal, chain, extents and tiles anew


def entry_dropped(changed: Journal) -> None:
    del changed[1][3][1]


def record_dropped(changed: Journal) -> None:
    del changed[1][3]


def records_swapped(changed: Journal) -> None:
    changed[1][3], changed[1][4] = changed[1][4], changed[1][3]


def entry_inserted(changed: Journal) -> None:
    last = changed[2][-1][0]
    changed[2].append([replace(last, version=last.version + 1, command_id="gs:more")])


def record_repeated(changed: Journal) -> None:
    changed[2].append(changed[2][-1])


def end_cut_off(changed: Journal) -> None:
    del changed[2][4:]


def deposit_larger(changed: Journal) -> None:
    """The amount alone: not what was answered."""
    edit(changed[0][0], 2, lambda event: replace(event, amount=20_000) if isinstance(event, e.DepositMade) else event)


def win_from_nowhere(changed: Journal) -> None:
    """Of a round that was never opened."""
    spin = changed[1][0][0]
    changed[1][0][0] = replace(spin, events=spin.events[1:])


def more_than_there_is(changed: Journal) -> None:
    def larger(event: Any) -> Any:
        return replace(event, real=1_000_000, amount=1_000_000) if isinstance(event, e.BetPlaced) else event

    edit(changed[1][0], 0, larger)


def edit(record: list[Transition], at: int, change: Callable[[Any], Any]) -> None:
    record[at] = replace(record[at], events=tuple(map(change, record[at].events)))


def richer_alice(changed: Journal) -> None:
    """The deposit and all answers after it: nothing contradicts itself."""
    deposit_larger(changed)
    for records in changed:
        for record in records:
            for at, transition in enumerate(record):
                if transition.player_id == "alice" and transition.version >= 3:
                    record[at] = replace(transition, answer=with_more(transition.answer, 10_000))


def with_more(encoded: bytes, more: int) -> bytes:
    answer: Any = decode_answer(encoded)
    told = answer.balance
    richer = replace(told, real=told.real + more, withdrawable=told.withdrawable + more)
    return msgspec.msgpack.encode(replace(answer, balance=richer))


REWRITTEN = [
    (entry_dropped, "version_missing"),
    (record_dropped, "version_missing"),
    (records_swapped, "version_missing"),
    (record_repeated, "version_repeated"),
    (entry_inserted, "balance_wrong"),
    (deposit_larger, "balance_wrong"),
    (win_from_nowhere, "entry_impossible"),
    (more_than_there_is, "invariant_broken"),
]
"""By whoever has the signing key, too; the kind that is found without any checkpoint from before."""


@pytest.mark.parametrize(("change", "kind"), REWRITTEN, ids=lambda case: getattr(case, "__name__", case))
def test_a_journal_that_was_written_anew_and_signed_contradicts_itself(
    honest: Path, tmp_path: Path, change: Callable[[Journal], None], kind: str
) -> None:
    forged(honest, tmp_path, change)
    named(verified(tmp_path), kind, "player alice" if change is not entry_dropped else "player bob")
    found = verified(tmp_path, checkpoints(honest)[-1]).faults
    assert {fault.kind for fault in found} & {"history_rewritten", "history_truncated"}


def test_a_journal_that_was_written_anew_as_it_was_is_the_same_log(honest: Path, tmp_path: Path) -> None:
    """So what is found below is found because of the change."""
    forged_unsigned(honest, tmp_path, lambda unchanged: None)
    assert verified(tmp_path, checkpoints(honest)[-1]).sound


ANYTHING = [change for change, _ in REWRITTEN] + [end_cut_off, richer_alice]


@pytest.mark.parametrize("change", ANYTHING, ids=lambda change: change.__name__)
def test_without_the_key_it_does_not_fit_the_checkpoints(
    honest: Path, tmp_path: Path, change: Callable[[Journal], None]
) -> None:
    forged_unsigned(honest, tmp_path, change)
    named(verified(tmp_path), "checkpoint_wrong", "checkpoints/2026/11/28/")


def test_a_signature_of_another_key_is_none(honest: Path, tmp_path: Path) -> None:
    forged(honest, tmp_path, richer_alice, OTHER_SEED)
    named(verified(tmp_path), "checkpoint_invalid", "checkpoints/2026/11/28/")


def test_a_balance_changed_consistently_is_found_by_who_kept_a_checkpoint_or_balances(
    honest: Path, tmp_path: Path
) -> None:
    """Whoever has the key and writes all anew leaves no contradiction inside."""
    forged(honest, tmp_path, richer_alice)
    assert verified(tmp_path).sound
    named(verified(tmp_path, checkpoints(honest)[0]), "history_rewritten")
    totals = verified(honest).totals["EUR"]
    assert verified(tmp_path).totals["EUR"].real == totals.real + 10_000
    own = {"alice": Expected(4, 9_990, 0)}
    assert verified(honest, expected=own).sound
    named(verified(tmp_path, expected=own), "balance_wrong", "player alice version 4")


def test_a_log_that_was_forked_for_two_auditors(honest: Path, tmp_path: Path) -> None:
    """Each sees a sound log. The checkpoint of the one does not fit the log of the other."""
    forged(honest, tmp_path, richer_alice)
    assert verified(honest).sound and verified(tmp_path).sound
    named(verified(honest, checkpoints(tmp_path)[-1]), "history_rewritten")
    named(verified(tmp_path, checkpoints(honest)[-1]), "history_rewritten")


def test_a_control_entry_that_was_removed(honest: Path, tmp_path: Path) -> None:
    build(tmp_path, journal(), controls=["POST /catalog/deploy"])
    assert verified(tmp_path).sound
    named(verified(tmp_path, checkpoints(honest)[1]), "history_rewritten")


def test_a_tree_that_has_stopped(tmp_path: Path) -> None:
    """The newest segments may wait for the tree, but not for long."""
    played, archive = PlayedLog(), ProvenArchive(tmp_path)

    async def write() -> None:
        await archive.keep([played.arrive("alice")])
        for _ in range(2):
            await archive.store(played.spins("alice", 1))
            archive.now_ms += WAITING_MAX_S * 1_000

    asyncio.run(write())
    assert (verified(tmp_path).waiting, verified(tmp_path).sound) == (2, True)
    asyncio.run(archive.store(played.spins("alice", 1)))
    named(verified(tmp_path), "tree_behind", "segments/2026/11/28/000000000002")
