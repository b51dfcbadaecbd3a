"""Recomputes players from their entries, with the engine's own `evolve`, and compares what the entries say.

Versions have no gap; every entry can be applied; no invariant breaks; the balance that was answered is the one that
follows. A player whose first entry is not in the archive is followed by version alone.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from zlib import crc32

import msgspec

from croupier.audit.faults import Faults, Kind
from engine.answers import Balance
from engine.evolving import evolve
from engine.holdings import balance
from engine.remembered import decode_answer
from engine.state import Player
from engine.state.invariants import InvariantViolation, check
from engine.transition import Transition
from snapshots.archive.format import ArchivedRecord, public_payload
from snapshots.codec import KeyedEntry, decode_batch, decode_entry
from snapshots.errors import CorruptLog

IMPOSSIBLE: Final = (KeyError, IndexError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What applying an entry that never was may raise."""


class Expected(NamedTuple):
    """What somebody else says of a player at a version (0: the newest): money of the player, and of all bonuses."""

    version: int
    real: int
    bonus: int


class Totals(msgspec.Struct):
    """All players of one currency at the end, in minor units."""

    players: int = 0
    real: int = 0
    bonus: int = 0


class Part(NamedTuple):
    """The players that one process recomputes: one of `of` parts, by the hash of their ids."""

    number: int
    of: int

    def has(self, player_id: str) -> bool:
        """Whether the player is one of them."""
        return self.of == 1 or crc32(player_id.encode()) % self.of == self.number


class Recomputing:
    """The players of one part."""

    def __init__(self, part: Part, expected: Mapping[str, Expected], faults: Faults) -> None:
        self._part, self._faults = part, faults
        self._mine: dict[str, bool] = {}
        self._players: dict[str, Player] = {}
        self._versions: dict[str, int] = {}
        self._stopped: set[str] = set()
        """Players that can't be recomputed any more, or never could."""
        self._expected = {player_id: each for player_id, each in expected.items() if part.has(player_id)}
        self._ends: dict[str, int] = {}
        self.entries = self.recomputed = self.compared = 0
        self.partial = 0
        """Players whose first entry is not in the archive."""

    def take(self, segment: str, records: Sequence[ArchivedRecord]) -> None:
        """A block of records."""
        for record in records:
            last = self._ends.get(record.log_id)
            if last is None or record.seq > last:  # what comes again was counted; `Chains` proves that it is the same
                self._ends[record.log_id] = record.seq
                self._take_record(segment, record)

    def _take_record(self, segment: str, record: ArchivedRecord) -> None:
        try:
            entries = decode_batch(public_payload(record))
        except CorruptLog as error:
            if self._part.number == 0:
                place = f"{segment}, log {record.log_id} record {record.seq}"
                self._faults.add("entry_damaged", place, error)
            return
        mine = self._mine
        for entry in entries:
            player_id = entry.player_id
            if player_id not in mine:
                mine[player_id] = self._part.has(player_id)
            if mine[player_id]:
                self._take_entry(segment, record, entry)

    def _take_entry(self, segment: str, record: ArchivedRecord, entry: KeyedEntry) -> None:
        self.entries += 1
        player_id, last = entry.player_id, self._versions.get(entry.player_id)
        if entry.version == (last or 0) + 1:
            self._versions[player_id] = entry.version
        elif last is None:
            self.partial += 1
            self._stopped.add(player_id)
            self._versions[player_id] = entry.version
        elif entry.version <= last:
            self._add("version_repeated", segment, record, entry, f"version {last} was there before it")
            return
        else:
            missing = f"versions {last + 1} to {entry.version - 1} are missing"
            self._add("version_missing", segment, record, entry, missing)
            self._versions[player_id] = entry.version
            self._stopped.add(player_id)
        fault = self._apply(entry)
        if fault is not None:
            self._add(fault[0], segment, record, entry, fault[1])
            self._stopped.add(player_id)

    def _apply(self, entry: KeyedEntry) -> tuple[Kind, str] | None:
        """Reads the entry, and brings the player forward by it unless the player is stopped."""
        try:
            transition = decode_entry(entry)
        except CorruptLog as error:
            return "entry_damaged", str(error)
        if self._stopped and entry.player_id in self._stopped:
            return None
        player = self._players.get(entry.player_id)
        if player is None:
            player = self._players[entry.player_id] = Player.new(entry.player_id)
        try:
            return self._evolve(player, transition)
        except InvariantViolation as violation:
            return "invariant_broken", str(violation)
        except IMPOSSIBLE as error:
            return "entry_impossible", f"it can't be applied: {error!r}"

    def _evolve(self, player: Player, transition: Transition) -> tuple[Kind, str] | None:
        """As replay does, but for what the engine remembers of commands: that is not money."""
        state, time_ms = player.state, transition.time_ms
        player.window.real_ms = transition.real_ms or time_ms
        for event in transition.events:
            evolve(player, event, transition.command_id, time_ms)
        state.version, state.time_ms = transition.version, time_ms
        check(state)
        self.recomputed += 1
        told = getattr(decode_answer(transition.answer), "balance", None)
        if told is not None:
            found = balance(state, time_ms)
            if told != found and money(told) != money(found):
                return "balance_wrong", f"the answer says {shown(told)}; what happened leads to {shown(found)}"
        return self._compare(player) if self._expected else None

    def _compare(self, player: Player) -> tuple[Kind, str] | None:
        state = player.state
        expected = self._expected.get(state.player_id)
        if expected is None or expected.version != state.version:
            return None
        return self._compared(state.real, sum(grant.balance for grant in state.grants), expected)

    def _compared(self, real: int, bonus: int, expected: Expected) -> tuple[Kind, str] | None:
        self.compared += 1
        if (real, bonus) == (expected.real, expected.bonus):
            return None
        return (
            "balance_wrong",
            f"real {expected.real} and bonus {expected.bonus} are asserted; what happened leads to {real} and {bonus}",
        )

    def _add(self, kind: Kind, segment: str, record: ArchivedRecord, entry: KeyedEntry, detail: str) -> None:
        place = f"{segment}, log {record.log_id} record {record.seq}, player {entry.player_id} version {entry.version}"
        self._faults.add(kind, place, detail)

    def end(self) -> dict[str, Totals]:
        """Compares what is asserted of the newest versions; the totals by currency."""
        totals: dict[str, Totals] = {}
        for player_id, player in self._players.items():
            if player_id in self._stopped:
                continue
            state = player.state
            bonus = sum(grant.balance for grant in state.grants)
            each = totals.setdefault(state.currency, Totals())
            each.players, each.real, each.bonus = each.players + 1, each.real + state.real, each.bonus + bonus
            expected = self._expected.get(player_id)
            if expected is not None and expected.version == 0:
                fault = self._compared(state.real, bonus, expected)
                if fault is not None:
                    self._faults.add(fault[0], f"player {player_id} version {state.version}", fault[1])
        return totals

    @property
    def players(self) -> int:
        """All that have entries."""
        return len(self._versions)


def money(told: Balance) -> tuple[int, int, int]:
    """What does not depend on the time of the command."""
    return told.real, told.bonus, told.withdrawable


def shown(told: Balance) -> str:
    """A balance in words, minor units."""
    return f"real {told.real}, bonus {told.bonus}, withdrawable {told.withdrawable}"
