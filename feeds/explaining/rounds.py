"""One round explained: every entry of it, step by step, with terms, catalog and level in force."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from engine import events as e
from engine.answers import AnyAnswer, RoundAnswer
from engine.calendar import DAY_MS
from engine.holdings import find_ended_grant, find_grant
from engine.state import Grant
from engine.transition import Transition
from feeds.explaining.amounts import Purse, rfc3339
from feeds.explaining.catalogs import Known, PastCatalogs
from feeds.explaining.line import Line
from feeds.explaining.movements import NOTHING, Movement, moved_in
from feeds.explaining.reading import PlayerEntries, days_after
from feeds.explaining.scene import Scene
from feeds.explaining.steps import steps
from feeds.explaining.terms import TermsShown, terms_shown
from feeds.explaining.timeline import Amounts, LineShown, amounts, line_shown
from snapshots.codec import KeyedEntry, decode_entry

FOLLOWED_MAX: Final = 20_000
"""Entries after the first one that are looked through for more of the round."""
AT_ONCE: Final = 1_000
UNDONE_WITHIN_MS: Final = 2 * DAY_MS
"""Rollbacks find a bet in the journal and in 24 hours of the archive (rules §3): what comes later is not of it."""
ENTRIES_MAX: Final = 1_200

_answer: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(AnyAnswer)


class StepsShown(msgspec.Struct, frozen=True):
    """One entry of the round. `after`: the balances that the entry states; None where it states none."""

    version: int
    time: str
    request_id: str
    steps: Sequence[LineShown]
    moved: Amounts
    after: Amounts | None
    level: str | None


class Explained(msgspec.Struct, frozen=True):
    """A round. `moved` is the sum of all its entries; other entries than these may have changed the balance between.

    `state`: `open`, `closed`, `cancelled` as of version `read_through`. `catalog`: the version that was in force when
    the round was opened; `notes` say what is no longer known.
    """

    player_id: str
    session_id: str
    game_id: str
    round_id: str | None
    mode: str
    state: str
    currency: str
    exponent: int
    entries: Sequence[StepsShown]
    moved: Amounts
    terms: Sequence[TermsShown]
    catalog: str | None
    read_through: int
    notes: Sequence[str]
    receipt_url: str


async def explained(
    entries: PlayerEntries, catalogs: PastCatalogs, session_id: str, purse: Purse, day: str | None
) -> Explained | None:
    """The round; None if its first entry is not found. Raises StoreError."""
    player_id, _, version = session_id.rpartition("-")
    if player_id != entries.head.state.player_id or not version.isdecimal() or len(version) > 18:
        return None
    first = await entries.one(int(version), day)
    opening = None if first is None else _opening(decode_entry(first), session_id)
    if first is None or opening is None:
        return None
    begun = decode_entry(first)
    found, read_through = await _entries_of(entries, begun, session_id, days_after(day))
    known = await catalogs.at(begun.real_ms or begun.time_ms)
    grants = {
        grant.grant_id: grant for grant in [await grant_of(entries, each, day) for each in _grants_in(found)] if grant
    }
    shown, telling = [], _Telling(purse, grants, known, session_id)
    for entry in found:
        shown.append(telling.shown(entry))
    return Explained(
        player_id=player_id,
        session_id=session_id,
        game_id=opening.game_id,
        round_id=opening.round_id,
        mode=opening.mode,
        state=telling.state,
        currency=purse.currency,
        exponent=purse.exponent,
        entries=shown,
        moved=amounts(telling.moved),
        terms=[terms_shown(grant, purse) for grant in grants.values()],
        catalog=known.version,
        read_through=read_through,
        notes=_notes(known, entries.head.state.version, read_through, telling.state),
        receipt_url=f"/players/{player_id}/receipts/{session_id}",
    )


def _opening(entry: Transition, session_id: str) -> e.BetPlaced | None:
    for event in entry.events:
        if isinstance(event, e.BetPlaced) and event.opens and event.session_id == session_id:
            return event
    return None


async def _entries_of(
    entries: PlayerEntries, begun: Transition, session_id: str, until_day: str | None
) -> tuple[Sequence[Transition], int]:
    """All entries that name the round, oldest first, and up to which version they were looked for."""
    found, version, newest = [begun], begun.version, entries.head.state.version
    last = min(newest, begun.version + FOLLOWED_MAX)
    until_ms: int | None = _ended_ms(begun, session_id)
    while version < last and len(found) < ENTRIES_MAX:
        count = min(AT_ONCE, last - version)
        page = (await entries.down_from(version + count, count, until_day)).entries
        if len(page) < count:
            break
        version += count
        for entry in _naming(reversed(page), session_id):
            found.append(entry)
            until_ms = _ended_ms(entry, session_id) or until_ms
        if until_ms is not None and decode_entry(page[0]).time_ms > until_ms + UNDONE_WITHIN_MS:
            break
    return found[:ENTRIES_MAX], version


def _naming(page: Iterable[KeyedEntry], session_id: str) -> Iterable[Transition]:
    """The entries with an event of the round. Only those that have its id in their bytes are decoded."""
    name = session_id.encode()
    for keyed in page:
        if name in keyed.data:
            entry = decode_entry(keyed)
            if any(getattr(event, "session_id", None) == session_id for event in entry.events):
                yield entry


def _ended_ms(entry: Transition, session_id: str) -> int | None:
    for event in entry.events:
        if getattr(event, "session_id", None) == session_id and _ends(event):
            return entry.time_ms
    return None


def _ends(event: e.AnyEvent) -> bool:
    if isinstance(event, e.WinCredited):
        return event.closes
    return isinstance(event, e.RoundTimedOut) or (isinstance(event, e.RoundReversed) and not event.stays_open)


def _grants_in(found: Sequence[Transition]) -> list[str]:
    """The grants that the entries name, or that were in wager then."""
    named: dict[str, None] = {}
    for entry in found:
        for event in entry.events:
            grant_id = getattr(event, "grant_id", None)
            named |= {} if grant_id is None else {grant_id: None}
        answer = _round_answer(entry)
        if answer is not None and answer.wagering.grant_id is not None:
            named[answer.wagering.grant_id] = None
    return list(named)


async def grant_of(entries: PlayerEntries, grant_id: str, day: str | None = None) -> Grant | None:
    """The grant as it stands; if it is forgotten, as it was created. None if it is not found. Raises StoreError."""
    state = entries.head.state
    grant = find_grant(state, grant_id) or find_ended_grant(state, grant_id)
    if grant is not None:
        return grant
    created = await created_in(entries, grant_id, day)
    return None if created is None else created[1]


async def created_in(entries: PlayerEntries, grant_id: str, day: str | None) -> tuple[Transition, Grant] | None:
    """The entry that created a grant, which its id names: `g<version>-<number>`. Raises StoreError."""
    version = grant_id[1:].partition("-")[0]
    if not grant_id.startswith("g") or not version.isdecimal() or len(version) > 18:
        return None
    keyed = await entries.one(int(version), day)
    entry = None if keyed is None else decode_entry(keyed)
    for event in () if entry is None else entry.events:
        if isinstance(event, e.GrantCreated) and event.grant.grant_id == grant_id and entry is not None:
            return entry, event.grant
    return None


def _round_answer(entry: Transition) -> RoundAnswer | None:
    answer = _answer.decode(entry.answer) if entry.answer else None
    return answer if isinstance(answer, RoundAnswer) else None


class _Telling:
    """Goes through the round's entries in their order and keeps what explanations look back at."""

    def __init__(self, purse: Purse, grants: dict[str, Grant], known: Known, session_id: str) -> None:
        self._session_id = session_id
        self._scene = Scene(purse, grants, known.catalog)
        self._ids: dict[str, e.BetPlaced] = {}
        self.moved, self.state = NOTHING, "open"

    def shown(self, entry: Transition) -> StepsShown:
        """The entry, explained. Its steps add up to what it moved."""
        answer = _round_answer(entry)
        if answer is not None:
            self._scene = self._scene._replace(in_wager=_in_wager(entry, answer), remaining=answer.wagering.remaining)
        lines: list[tuple[str, Line]] = []
        for event in entry.events:
            lines += [(type(event).__name__, line) for line in steps(event, self._scene)]
            self._keep(entry, event)
        moved = moved_in(entry)
        self.moved = self.moved.plus(moved)
        return StepsShown(
            version=entry.version,
            time=rfc3339(entry.time_ms),
            request_id=entry.command_id.partition(":")[2],
            steps=[line_shown(name, line) for name, line in lines],
            moved=amounts(moved),
            after=_after(answer),
            level=(answer.level or None) if answer is not None else None,
        )

    def _keep(self, entry: Transition, event: e.AnyEvent) -> None:
        if getattr(event, "session_id", None) != self._session_id:
            return
        if isinstance(event, e.BetPlaced):
            self._ids[entry.command_id] = event
        elif isinstance(event, e.WinCredited):
            won = self._scene.won.plus(Movement(event.real, event.bonus))
            self._scene = self._scene._replace(won=won)
            self.state = "closed" if event.closes else self.state
        elif isinstance(event, e.RoundReversed):
            for undone in event.tombstones:
                self._ids.pop(undone, None)
            self.state = self.state if event.stays_open else "cancelled"
        elif isinstance(event, e.RoundTimedOut):
            self.state = "closed" if event.action == "close" else self.state
        self._scene = self._scene._replace(bets=tuple(self._ids.values()))


def _in_wager(entry: Transition, answer: RoundAnswer) -> str | None:
    """The grant that was in wager when the entry began: one that came into wager with it was not."""
    grant_id = answer.wagering.grant_id
    begun = any(isinstance(event, e.GrantActivated) and event.grant_id == grant_id for event in entry.events)
    return None if begun else grant_id


def _after(answer: RoundAnswer | None) -> Amounts | None:
    """Points are whole ones here, as the answer has them."""
    return None if answer is None else Amounts(answer.balance.real, answer.balance.bonus, str(answer.points))


def _notes(known: Known, newest: int, read_through: int, state: str) -> list[str]:
    notes = [known.note] if known.note else []
    if state == "open" and read_through < newest:
        notes.append(f"The entries up to version {read_through} were looked through; the round was still open there.")
    return notes
