"""Answers what is asked. It opens nothing and owns nothing but the store and the archive that it is given."""

import asyncio
import logging
from typing import Final

import msgspec

from engine.state import PlayerState
from feeds.explaining.amounts import Purse
from feeds.explaining.asked import AskDispute, Asked, AskHistory, AskRound, Said
from feeds.explaining.catalogs import PastCatalogs
from feeds.explaining.cursors import CursorInvalid, Cursors, Place
from feeds.explaining.disputes import dispute
from feeds.explaining.movements import Movement
from feeds.explaining.purses import Purses
from feeds.explaining.reading import ArchivedEntries, PlayerEntries, days_after, head_of
from feeds.explaining.rounds import explained
from feeds.explaining.timeline import Page, Period, Timeline, entry_shown, page
from snapshots.contract import Store
from snapshots.errors import ArchiveBehind, Corrupt, StoreError

log = logging.getLogger("croupier.explaining")

_asked: Final = msgspec.json.Decoder(Asked)
_raw: Final = msgspec.json.encode


class Answering:
    """One store and its archive; None: there is no archive. Cursors are sealed with `secret`."""

    def __init__(self, store: Store, archive: ArchivedEntries | None, secret: bytes) -> None:
        self._store, self._archive = store, archive
        self._cursors, self._catalogs, self._purses = Cursors(secret), PastCatalogs(store), Purses(store)

    async def answer(self, request: bytes) -> bytes:
        """A `Said` as JSON, whatever happens."""
        return _raw(await self._answered(request))

    async def _answered(self, request: bytes) -> Said:
        try:
            asked = _asked.decode(request)
        except msgspec.DecodeError as error:
            return Said("wrong", detail=str(error))
        try:
            return await self._find(asked)
        except ArchiveBehind as behind:
            return Said("behind", detail=str(behind))
        except Corrupt as damage:
            log.error("the history of player %s can't be read: %s", asked.player_id, damage)
            return Said("damaged", detail=str(damage))
        except StoreError as failure:
            return Said("unavailable", detail=str(failure))
        except Exception:
            log.exception("what became of player %s can't be told", asked.player_id)
            return Said("unavailable", detail="an error, of which the log tells more")

    async def _find(self, asked: Asked) -> Said:
        if not isinstance(asked, AskHistory) and not _is_day(asked.day):
            return Said("wrong", detail="is no day", field="day")
        head = await head_of(self._store, asked.player_id)
        if not head.state.version:
            return Said("no_player")
        entries = PlayerEntries(self._store, head, self._archive)
        purse = await self._purses.of(head.state)
        if isinstance(asked, AskHistory):
            return await self._history(asked, entries, purse)
        if isinstance(asked, AskRound):
            found = await explained(entries, self._catalogs, asked.session_id, purse, asked.day)
            return Said("not_found") if found is None else Said("found", msgspec.Raw(_raw(found)))
        return await self._dispute(asked, entries, purse)

    async def _history(self, asked: AskHistory, entries: PlayerEntries, purse: Purse) -> Said:
        try:
            start = self._start(asked, entries.head.state)
        except CursorInvalid:
            return Said("wrong", detail="is not a cursor of this player's history", field="cursor")
        found = await page(entries, start, Period(asked.from_ms, asked.to_ms), asked.limit)
        return Said("found", msgspec.Raw(_raw(self._timeline(asked.player_id, found, purse))))

    def _start(self, asked: AskHistory, state: PlayerState) -> Place:
        """Raises CursorInvalid."""
        if asked.cursor is not None:
            return self._cursors.open(asked.cursor, asked.player_id)
        bonus = sum(grant.balance for grant in state.grants)
        return Place(state.player_id, state.version, Movement(state.real, bonus, state.loyalty.available))

    def _timeline(self, player_id: str, found: Page, purse: Purse) -> Timeline:
        where = (
            "in the journal nor in the archive"
            if self._archive is not None
            else "in the journal, and there is no archive"
        )
        neither = "neither " if self._archive is not None else "not "
        note = f"Entries up to version {found.missing} are {neither}{where}." if found.missing else ""
        return Timeline(
            player_id=player_id,
            currency=purse.currency,
            exponent=purse.exponent,
            entries=[entry_shown(entry, after, purse) for entry, after in found.entries],
            cursor=None if found.next is None else self._cursors.seal(found.next),
            complete=not found.missing,
            note=note,
        )

    async def _dispute(self, asked: AskDispute, entries: PlayerEntries, purse: Purse) -> Said:
        found = await dispute(entries, self._catalogs, asked.grant_id, purse, asked.day)
        if found is None:
            return Said("not_found")
        if asked.form == "json":
            return Said("found", msgspec.Raw(_raw(found)))
        try:
            from feeds.explaining.paper import paper
        except ImportError as missing:
            return Said(
                "no_paper", detail=f"A PDF needs {missing.name}: install it with pip install 'croupier[reports]'."
            )
        return Said("found", pdf=await asyncio.to_thread(paper, found, asked.may_value, asked.receipts))


def _is_day(day: str | None) -> bool:
    try:
        return day is None or days_after(day) is not None
    except (ValueError, OverflowError):
        return False
