"""Mistakes that somebody could make in production code, each a small change of one place. The simulation must find all.

A bug is a function that plants itself with `patch`; its docstring says what is wrong. `make planted` looks how many
seeds it takes to find each, and writes the table of docs/simulation.md.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from actors.background.slot_moves import SlotMoves
from actors.background.snapshotter import Snapshotter
from actors.routing.client import ShardClient
from actors.shard import lease
from actors.shard.committer import Committer
from actors.shard.lineage import Lineage
from actors.shard.loading import Loader
from actors.shard.lookups import FactFinder
from actors.shard.ownership_lost import Move, OwnershipLost
from actors.shard.turn import Turn
from actors.supervision.living_first import LivingFirst
from actors.supervision.shard_process import ShardProcess
from actors.supervision.watching import Watch
from actors.wire.frames import Kind, Reply, ReplyTo, encode, unavailable
from engine.commands import Command
from engine.facts import NO_FACTS
from engine.player import replay
from engine.rejections import Rejection
from engine.state import Player
from engine.state.window import Window
from feeds.following.handing import Handovers
from feeds.following.shard_reading import ShardReading
from feeds.following.stretch import Stretch
from feeds.following.view import JournalView
from snapshots import recovery
from snapshots.codec import decode_entry, decode_snapshot, encode_snapshot
from snapshots.contract import Incarnation, LogHead, SnapshotRecord, Standing, next_hash
from snapshots.errors import Fenced, StoreUnavailable
from snapshots.rows import log_origin
from snapshots.sqlite import control, due, limits, readers, shard
from snapshots.sqlite import tallies as sqlite_tallies
from snapshots.sqlite.files import Files, writing
from snapshots.tail_index import TailIndex

Bug = Callable[[pytest.MonkeyPatch], None]
BUGS: list[Bug] = []
OF_READING: list[str] = []


def bug(plant: Bug) -> Bug:
    """Puts it on the list."""
    BUGS.append(plant)
    return plant


def bug_of_reading(plant: Bug) -> Bug:
    """As `bug`; histories of readers alone look for it, too."""
    OF_READING.append(plant.__name__)
    return bug(plant)


def named(name: str) -> Bug:
    """Raises KeyError if there is no such bug."""
    return {plant.__name__: plant for plant in BUGS}[name]


# --- committing


@bug
def reply_before_durable(patch: pytest.MonkeyPatch) -> None:
    """An acknowledgement leaves before its entry is in the journal."""
    add = Committer.add

    def hasty(self: Committer, entry: Any, reply_to: ReplyTo | None, reply: Reply | None, *args: Any) -> int:
        number = add(self, entry, None, None, *args)
        if reply_to is not None and reply is not None:
            reply_to.reply(reply)
        return number

    patch.setattr(Committer, "add", hasty)


@bug
def replay_before_durable(patch: pytest.MonkeyPatch) -> None:
    """A read, a replay or a refusal leaves before the entries it depends on are durable."""
    reply_after = Committer.reply_after

    def hasty(self: Committer, batch_number: int, reply_to: ReplyTo, reply: Reply) -> None:
        reply_after(self, 0, reply_to, reply)

    patch.setattr(Committer, "reply_after", hasty)


@bug
def silence_is_success(patch: pytest.MonkeyPatch) -> None:
    """An append without outcome is taken for written."""

    async def believing(self: Committer, payload: bytes, counters: Any = (), *_: Any) -> None:
        head = self.head
        try:
            self.head = await self._store.append(self.inc, head, payload, self.catalog_number, dict(counters))
        except StoreUnavailable:
            self.head = LogHead(head.seq + 1, next_hash(head.hash, payload))

    patch.setattr(Committer, "_append", believing)


@bug
def silence_is_refusal(patch: pytest.MonkeyPatch) -> None:
    """An append without outcome is taken for not written, and the next batch goes out in its place."""

    async def despairing(self: Committer, payload: bytes, counters: Any = (), *_: Any) -> None:
        head = self.head
        try:
            self.head = await self._store.append(self.inc, head, payload, self.catalog_number, dict(counters))
        except StoreUnavailable:
            refused, self._in_flight.replies = self._in_flight.replies, []  # type: ignore[union-attr]
            for reply_to, reply, _ in refused:
                reply_to.reply(unavailable(reply.rid, "journal_unavailable", "Not written."))

    patch.setattr(Committer, "_append", despairing)


@bug
def fenced_goes_on(patch: pytest.MonkeyPatch) -> None:
    """A shard that the store refuses for good answers those who wait all the same."""
    append = Committer._append

    async def deaf(self: Committer, payload: bytes, *counters: Any) -> None:
        try:
            await append(self, payload, *counters)
        except Fenced:
            self.head = LogHead(self.head.seq + 1, next_hash(self.head.hash, payload))

    patch.setattr(Committer, "_append", deaf)


# --- the lease


@bug
def lease_never_ends(patch: pytest.MonkeyPatch) -> None:
    """Reads are answered without asking whether the lease is still fresh."""
    patch.setattr(lease.Lease, "fresh", lambda self: True)


@bug
def lease_from_the_answer(patch: pytest.MonkeyPatch) -> None:
    """The lease counts from when the store's answer came, not from when it was asked."""

    def renew(self: lease.Lease, sent_at_s: float) -> None:
        self._until = max(self._until, lease.boottime_s() + self.lease_s)

    patch.setattr(lease.Lease, "renew", renew)


@bug
def takeover_waits_for_nobody(patch: pytest.MonkeyPatch) -> None:
    """A successor serves at once, although the former owner's lease may still run."""

    async def at_once(self: ShardProcess, claim: Any, claimed_at_s: float) -> None:
        return

    patch.setattr(ShardProcess, "_outlive", at_once)


@bug
def lease_of_the_last_claim_only(patch: pytest.MonkeyPatch) -> None:
    """Whoever claimed last counts as the lease's holder, even if it never served: the one before it is forgotten."""
    patch.setattr(shard, "_lease_holder", lambda row: row.owner or row.previous)


@bug
def heartbeat_asks_nobody(patch: pytest.MonkeyPatch) -> None:
    """A heartbeat renews the lease whatever the store says about the incarnation."""
    patch.setattr(shard, "heartbeat", lambda file, inc: None)


# --- the fence and the log


@bug
def append_is_not_fenced(patch: pytest.MonkeyPatch) -> None:
    """A former owner may still append to its own log."""
    append = shard.append

    def lenient(files: Files, inc: Any, *, head: LogHead, payload: bytes, **named: Any) -> LogHead:
        try:
            return append(files, inc, head=head, payload=payload, **named)
        except Fenced:
            new = LogHead(head.seq + 1, next_hash(head.hash, payload))
            at = (log_origin(inc.log_id)[1] << 40) + new.seq
            files.shard(inc.shard_id).execute(
                "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?)", (at, head.hash, new.hash, payload)
            )
            return new

    patch.setattr(shard, "append", lenient)


@bug
def old_catalog_may_append(patch: pytest.MonkeyPatch) -> None:
    """What was decided under a catalog that is out of force is appended all the same."""
    patch.setattr(shard, "_check_catalog", lambda file, number: None)


@bug
def repeated_append_counts_twice(patch: pytest.MonkeyPatch) -> None:
    """A batch that was written already adds its counters once more."""
    append = shard.append

    def counting(files: Files, inc: Any, *, tallies: Any, **named: Any) -> LogHead:
        file = files.shard(inc.shard_id)
        before = shard.read_row(file).seq
        new = append(files, inc, tallies=tallies, **named)
        if before == new.seq and tallies:
            with writing(file):
                sqlite_tallies.add(file, tallies)
        return new

    patch.setattr(shard, "append", counting)


@bug
def checkpoint_at_the_end(patch: pytest.MonkeyPatch) -> None:
    """The checkpoint moves to the end of the log, not to where it ended when the round of snapshots began."""
    checkpoint = shard.checkpoint

    def eager(files: Files, inc: Any, checkpoint_seq: int, trim_seq: int) -> None:
        checkpoint(files, inc, max(checkpoint_seq, shard.read_row(files.shard(inc.shard_id)).seq), trim_seq)

    patch.setattr(shard, "checkpoint", eager)


@bug
def trim_behind_the_newest(patch: pytest.MonkeyPatch) -> None:
    """The log is trimmed up to the newest snapshots, so that the older generation can't be brought forward."""
    checkpoint = shard.checkpoint
    patch.setattr(shard, "checkpoint", lambda files, inc, to, trim: checkpoint(files, inc, to, to))


@bug_of_reading
def trim_ignores_the_archive(patch: pytest.MonkeyPatch) -> None:
    """The log is trimmed although the archive has not read it."""
    patch.setattr(shard, "trimmable", lambda files, shard_id, log_epoch, trim_seq: trim_seq)


@bug_of_reading
def sweep_ignores_readers(patch: pytest.MonkeyPatch) -> None:
    """A finished log is removed although readers have not read it."""
    sweep = shard.sweep
    patch.setattr(shard, "sweep", lambda file, shard_id, passed, held: sweep(file, shard_id, None, None))


@bug
def log_finished_too_early(patch: pytest.MonkeyPatch) -> None:
    """The supervisor finishes a sealed log without asking who still needs it."""

    async def hasty(self: Watch) -> None:
        for info in await self._store.unfinished_logs():
            if info.sealed:
                await self._store.finish_log(self._term.number, info.log_id)

    patch.setattr(Watch, "finish_logs", hasty)


# --- snapshots and recovery


@bug
def snapshot_lowers_a_version(patch: pytest.MonkeyPatch) -> None:
    """A snapshot that comes late replaces a newer one."""
    patch.setattr(shard, "_generations_to_write", lambda file, record: (0, 1))


@bug
def snapshot_of_what_is_not_durable(patch: pytest.MonkeyPatch) -> None:
    """A snapshot is stored before its version is in the journal."""

    async def write_batch(self: Snapshotter, player_ids: Sequence[str]) -> None:
        context, records = self._context, list[SnapshotRecord]()
        for player_id in player_ids:
            resident = context.residents.by_id.get(player_id)
            if resident is None:
                await self._arrive(player_id)
                resident = context.residents.by_id.get(player_id)
            if resident is not None and player_id in context.residents.dirty:
                due_ms = context.scheduled.due_of(resident, context.catalog)
                records.append(replace(encode_snapshot(resident.player), due_ms=due_ms))
        if records:
            await context.store.put_snapshots(context.inc, records)
            self._paid(records)

    patch.setattr(Snapshotter, "_write_batch", write_batch)


@bug
def snapshot_forgets_commands(patch: pytest.MonkeyPatch) -> None:
    """A player who comes back from a snapshot has forgotten which commands it knew."""

    def forgetful(record: SnapshotRecord) -> Player:
        player = decode_snapshot(record)
        player.window = Window()
        return player

    patch.setattr(recovery, "decode_snapshot", forgetful)


@bug
def replay_forgets_commands(patch: pytest.MonkeyPatch) -> None:
    """A player who is rebuilt from the journal does not remember the commands that it reads there."""

    def forgetful(player: Player, done: Any) -> None:
        replay(player, replace(done, command_id=f"forgotten {done.version}"))

    patch.setattr(recovery, "replay", forgetful)


@bug
def recovery_ignores_the_tail(patch: pytest.MonkeyPatch) -> None:
    """A successor takes snapshots for the whole truth."""

    async def nothing(self: ShardProcess, *_: Any, **__: Any) -> TailIndex:
        return TailIndex()

    patch.setattr(ShardProcess, "_read_tails", nothing)


@bug
def recovery_reads_the_last_log_only(patch: pytest.MonkeyPatch) -> None:
    """A successor reads the log of its predecessor, not those before it that are still needed."""
    read_tails = recovery.read_tails

    async def short(store: Any, logs: Any, wanted: Any) -> TailIndex:
        return await read_tails(store, list({info.shard_id: info for info in logs}.values()), wanted)

    patch.setattr("actors.supervision.shard_process.read_tails", short)


@bug
def recovery_applies_entries_twice(patch: pytest.MonkeyPatch) -> None:
    """Entries that the snapshot covers are applied once more."""

    def bring_forward(player: Player, entries: list[Any]) -> None:
        for entry in sorted(entries, key=lambda entry: entry.version):
            replay(player, replace(decode_entry(entry), version=player.state.version + 1))

    patch.setattr(recovery, "_bring_forward", bring_forward)


@bug
def passivation_drops_what_is_owed(patch: pytest.MonkeyPatch) -> None:
    """An idle player leaves the memory although its last entries are in no snapshot."""

    def let_go(self: Snapshotter, versions: dict[str, int]) -> None:
        for player_id in versions:
            self._context.residents.evict(player_id)
            self._context.residents.dirty.pop(player_id, None)

    patch.setattr(Snapshotter, "let_go", let_go)


# --- slot moves


@bug
def move_without_snapshots(patch: pytest.MonkeyPatch) -> None:
    """The loser gives players away whose last entries are in its own log alone."""

    async def nothing(self: Snapshotter, player_ids: Sequence[str]) -> None:
        for player_id in player_ids:
            self._context.residents.dirty.pop(player_id, None)

    patch.setattr(Snapshotter, "clean", nothing)


@bug
def gainer_takes_older_snapshots(patch: pytest.MonkeyPatch) -> None:
    """The loser gives players away unsnapshotted, and the gainer does not look which version they were at."""
    move_without_snapshots(patch)
    patch.setattr(recovery, "_demand_version", lambda player, minimum: None)


@bug
def loser_keeps_players(patch: pytest.MonkeyPatch) -> None:
    """The loser leaves the players in its memory, and finds them there when they come back."""
    drain = SlotMoves._drain

    async def keeping(self: SlotMoves, slots: set[int], dedicated: set[str]) -> dict[str, int]:
        before = dict(self._context.residents.by_id)
        versions = await drain(self, slots, dedicated)
        self._context.residents.by_id.update({player_id: before[player_id] for player_id in versions})
        return versions

    patch.setattr(SlotMoves, "_drain", keeping)


@bug
def load_survives_a_move(patch: pytest.MonkeyPatch) -> None:
    """A load that began under another ownership is taken in."""

    async def read(self: Loader, player_id: str) -> Any:
        return await self._read(player_id)

    patch.setattr(Loader, "_read_owned", read)


@bug
def time_out_undoes_a_move(patch: pytest.MonkeyPatch) -> None:
    """The loser takes the slots back when the store does not answer, although they may be the gainer's by then."""

    async def transfer(self: SlotMoves, term: int, slots: Any, dedicated: Any, gainer: str, versions: Any) -> None:
        context = self._context
        with context.transferring():
            moved = await context.store.release_slots(context.inc, term, slots, dedicated, gainer, versions)
            context.gave_away(Move(context.inc, slots, dedicated, gainer, versions), moved)

    patch.setattr(SlotMoves, "_transfer", transfer)


@bug
def slots_given_without_ownership(patch: pytest.MonkeyPatch) -> None:
    """The loser goes on serving while it gives the slots away."""
    patch.setattr("actors.shard.ownership.Ownership.give_up", lambda self, slots, dedicated: None)


# --- shared limits and due work


@bug
def reservation_is_made_anew(patch: pytest.MonkeyPatch) -> None:
    """A repeated reservation of the same command is counted once more."""

    def reserve_one(file: Any, claimant: Any, award: Any) -> Any:
        refusals = limits._refusals(file, claimant, award)
        if not refusals:
            limits._hold(file, claimant, award)
        return limits.Reservation(award.campaign_id, award.reservation_id, refusals)

    patch.setattr(limits, "_reserve_one", reserve_one)


@bug
def orphans_stay_held(patch: pytest.MonkeyPatch) -> None:
    """Nobody asks what became of reservations whose shard died."""

    async def nothing(self: FactFinder) -> None:
        return

    patch.setattr(FactFinder, "resolve_orphans", nothing)


@bug
def orphans_are_returned(patch: pytest.MonkeyPatch) -> None:
    """A reservation that is held for long is returned, although its grant exists."""
    patch.setattr("actors.shard.lookups.reservation_fate", lambda state, reservation_id: "returned")


@bug
def late_reservations_are_taken(patch: pytest.MonkeyPatch) -> None:
    """What a former owner reserves or returns too late is taken in, too."""

    @contextmanager
    def unfenced(files: Files, inc: Any) -> Iterator[Any]:
        with writing(files.shared()) as file:
            yield file

    patch.setattr(limits, "_writing_as", unfenced)


@bug
def due_times_are_not_noted(patch: pytest.MonkeyPatch) -> None:
    """The store is not told when players who leave the memory have work due."""
    patch.setattr(due, "put", lambda file, record: None)


@bug
def time_goes_back(patch: pytest.MonkeyPatch) -> None:
    """A command has the shard's time, even if the player has seen a later one."""

    def command(self: Turn, command_id: str, body: Any, resident: Any, now: int) -> Command:
        return Command(command_id, now, body, NO_FACTS, 0)

    patch.setattr(Turn, "_command", command)


# --- the gateway


@bug
def client_repeats_with_another_id(patch: pytest.MonkeyPatch) -> None:
    """The client repeats what has no outcome as if it were something new."""
    park, numbers = ShardClient._park, itertools.count()

    def renaming(self: ShardClient, asked: Any) -> None:
        if asked.command_id:
            asked.command_id = f"{asked.command_id}~{next(numbers)}"
        park(self, asked)

    patch.setattr(ShardClient, "_park", renaming)


@bug
def refusal_of_a_new_player_is_final(patch: pytest.MonkeyPatch) -> None:
    """A player who can't be loaded now is answered as one who does not exist (rule 9)."""

    def fail(self: Loader, player_id: str, detail: str) -> None:
        for reply_to, request, _ in self._take(player_id):
            refusal = Rejection("player_not_found", detail)
            reply_to.reply(Reply(request.rid, Kind.REJECTION, Raw(encode(refusal))))

    patch.setattr(Loader, "_fail", fail)


# --- readers


@bug_of_reading
def reader_commits_before_it_settles(patch: pytest.MonkeyPatch) -> None:
    """The cursor moves to what was read, although it may not have left."""
    patch.setattr(Stretch, "_reached", lambda self, settled: dict(self._reading.positions))


@bug_of_reading
def reader_skips_handovers(patch: pytest.MonkeyPatch) -> None:
    """A reader passes a player's entries on without waiting for the shard that the player came from."""
    patch.setattr(Handovers, "hold", lambda self, shard_id, at, entries: False)


@bug_of_reading
def reader_leaves_a_log_early(patch: pytest.MonkeyPatch) -> None:
    """A reader goes on to the next log as soon as there is one."""
    advance = ShardReading._advance

    async def hasty(self: ShardReading) -> bool:
        view, position = self._reading.view, self.position
        following = view.at(self._shard_id, position.epoch + 1)
        if following is not None and position.epoch:
            self._move(type(position)(log_origin(following.log_id)[1], 0), recovery.GENESIS)
            return True
        return await advance(self)

    patch.setattr(ShardReading, "_advance", hasty)


@bug_of_reading
def reader_ignores_the_horizon(patch: pytest.MonkeyPatch) -> None:
    """A reader passes on what the store may still lose."""
    patch.setattr(
        JournalView, "safe_seq", lambda self, log_id: self._ends[log_id][-1][1] if log_id in self._ends else 0
    )


@bug
def reader_trusts_a_young_seal(patch: pytest.MonkeyPatch) -> None:
    """A reader leaves a log that was sealed just now, although the store may lose the claim that sealed it."""
    patch.setattr(JournalView, "is_over", lambda self, log_id: log_id in self._sealed)


@bug_of_reading
def former_reader_commits(patch: pytest.MonkeyPatch) -> None:
    """Two processes that claimed a reader's name both move its cursors, each to where it has come."""

    def commit(files: Files, reader: Any, positions: Any, notes: Any) -> None:
        with writing(files.readers()) as file:
            for shard_id, position in positions.items():
                file.execute(
                    "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?)",
                    (reader.name, shard_id, position.epoch, position.seq),
                )

    patch.setattr(readers, "commit", commit)


# --- the supervisor


@bug
def terms_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    """A supervisor that another one has replaced may still change the table."""
    patch.setattr(control, "_check_term", lambda file, term: None)


# --- a store that loses its tail while shards live on


@bug
def lost_records_are_not_given_back(patch: pytest.MonkeyPatch) -> None:
    """A shard goes on where the store stands, and leaves what the store has lost."""

    async def follow(self: Committer, in_flight: bytes | None) -> None:
        standing = await self._store.standing(self.inc)
        self.head, self.lineage = standing.head, await self._store.follow_lineage()
        self.following = False
        self._followed += 1

    patch.setattr(Committer, "follow", follow)


@bug
def a_lost_claim_ends_the_shard(patch: pytest.MonkeyPatch) -> None:
    """A shard whose claim the store has lost ends without telling it again."""

    async def claimed(self: OwnershipLost, inc: Incarnation, standing: Standing) -> Standing:
        if (standing.nonce, standing.log_id) != (inc.nonce, inc.log_id):
            raise Fenced("the store does not know this claim")
        return standing

    patch.setattr(OwnershipLost, "claimed", claimed)


@bug
def the_former_log_is_left_as_it_is(patch: pytest.MonkeyPatch) -> None:
    """A claim is told again, but the log that it sealed does not get back what it lacks."""

    async def nothing(self: OwnershipLost, standing: Standing) -> None:
        self._claim = replace(self._claim, former_head=standing.head)

    patch.setattr(OwnershipLost, "_complete_former", nothing)


@bug
def lost_snapshots_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    """A shard goes on although the store has lost snapshots on which its memory counts."""
    patch.setattr(Committer, "snapshotted", lambda self, puts: None)


@bug
def told_again_and_goes_on(patch: pytest.MonkeyPatch) -> None:
    """A shard that has told its claim or moves again goes on, instead of leaving its players to a successor."""
    give_back = Lineage._give_back

    async def goes_on(self: Lineage, *args: Any) -> bool:
        await give_back(self, *args)
        return False

    patch.setattr(Lineage, "_give_back", goes_on)


@bug
def a_lost_move_is_not_told_again(patch: pytest.MonkeyPatch) -> None:
    """The loser gives back its records, and not that it gave slots away."""

    async def nothing(self: OwnershipLost, moves: Sequence[Move]) -> None:
        return None

    patch.setattr(OwnershipLost, "tell_moves", nothing)


@bug
def the_gainer_takes_nothing_back(patch: pytest.MonkeyPatch) -> None:
    """A shard does not notice that the table gives its slots to the shard that had given them away."""

    async def nothing(self: OwnershipLost, inc: Incarnation, ownership: Any) -> bool:
        return False

    patch.setattr(OwnershipLost, "own", nothing)


@bug
def the_supervisor_waits_for_no_shard(patch: pytest.MonkeyPatch) -> None:
    """After the store has changed, shards are claimed and fenced before the living ones have given back anything."""

    async def at_once(self: LivingFirst, *args: Any) -> None:
        return None

    patch.setattr(LivingFirst, "until_followed", at_once)
    patch.setattr(LivingFirst, "until_gone", at_once)
