"""The timeline of a player, newest first, in words and numbers, with the balances after each entry."""

from typing import Annotated

import msgspec
from fastapi import Query
from pydantic import BeforeValidator
from starlette.responses import Response

from gateway.access.roles import AUDITOR, PLATFORM, SUPPORT
from gateway.declaring import Routes
from gateway.documents.base import Json
from gateway.documents.visible import VIP_ROLES
from gateway.http.errors import invalid_field
from gateway.routes.call import PlayerId, ThisCall, answer
from gateway.routes.proof.asking_history import ask_history
from gateway.routes.proof.moments import Moment, digits, unix_ms_of

routes = Routes()


class AmountsJson(Json):
    """Minor units of the player's currency. `points`: available points, a decimal string with up to six digits."""

    real: int
    bonus: int
    points: str


class RuleJson(Json):
    """A paragraph of docs/rules.md: its section, and the words that it begins with."""

    section: str
    paragraph: str


class LineJson(Json):
    """One thing that happened: its `event` in the journal, in words, by which rules, and what it moved."""

    event: str
    text: str
    rules: list[RuleJson]
    moved: AmountsJson


class HistoryEntryJson(Json):
    """What one request did, or work that was due. `after`: the balances after it; `moved` is the sum of its lines."""

    version: int
    time: str
    request_id: str
    lines: list[LineJson]
    moved: AmountsJson
    after: AmountsJson


class HistoryJson(Json):
    """Entries, newest first. `cursor` asks for those that follow; it may come with a page that has none yet.

    `complete`: false if older entries are no longer anywhere; then `note` says which.
    """

    player_id: str
    currency: str
    exponent: int
    entries: list[HistoryEntryJson]
    cursor: str | None
    complete: bool
    note: str


class ToldLine(LineJson):
    """As it was told. `instead`: what roles read that may not know how the player is valued; None: the text."""

    instead: str | None = None


class _ToldEntry(HistoryEntryJson):
    lines: list[ToldLine]  # type: ignore[assignment]


class _ToldHistory(HistoryJson):
    entries: list[_ToldEntry]  # type: ignore[assignment]


Limit = Annotated[int, Query(ge=1, le=200), BeforeValidator(digits)]
Cursor = Annotated[str | None, Query(max_length=512, description="As an earlier answer gave it")]


@routes.read("GET /players/{player_id}/history", roles=SUPPORT | AUDITOR | PLATFORM, answers=HistoryJson)
async def history(
    call: ThisCall,
    player_id: PlayerId,
    limit: Limit = 50,
    cursor: Cursor = None,
    begin: Annotated[Moment, Query(alias="from", description="A day, or a time in RFC 3339")] = None,
    end: Annotated[Moment, Query(alias="to", description="Exclusive")] = None,
) -> Response:
    """What became of the player, newest first: every entry in words and numbers, with the balances after it."""
    call.admit()
    from_ms, to_ms = unix_ms_of(begin), unix_ms_of(end)
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise invalid_field("to", "must be later than from")
    call.look(player_id, {"history": {"from": begin, "to": end}})
    said = await ask_history(call, player_id, "history", limit=limit, cursor=cursor, from_ms=from_ms, to_ms=to_ms)
    told = msgspec.json.decode(said.document, type=_ToldHistory)
    entries = [_entry(call, entry) for entry in told.entries]
    return answer(
        HistoryJson(
            player_id=told.player_id,
            currency=told.currency,
            exponent=told.exponent,
            entries=entries,
            cursor=told.cursor,
            complete=told.complete,
            note=told.note,
        )
    )


def _entry(call: ThisCall, told: _ToldEntry) -> HistoryEntryJson:
    lines = lines_for(call, told.lines)
    return HistoryEntryJson(told.version, told.time, told.request_id, lines, told.moved, told.after)


def lines_for(call: ThisCall, told: list[ToldLine]) -> list[LineJson]:
    """The lines as the caller's role may read them: what is hidden keeps its place and its amounts."""
    return [LineJson(line.event, text_for(call, line.text, line.instead), line.rules, line.moved) for line in told]


def text_for(call: ThisCall, text: str, instead: str | None) -> str:
    """The text, or what the caller's role reads instead."""
    return text if instead is None or call.may_see(VIP_ROLES) else instead
