"""The control log as auditors read it: newest first, by player, time, operation and person, as JSON or CSV."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal

from fastapi import Query
from pydantic import BeforeValidator
from starlette.responses import Response, StreamingResponse

from gateway.access.roles import AUDITOR
from gateway.declaring import Routes
from gateway.documents.base import Json
from gateway.documents.csv import csv_row
from gateway.documents.requests import IDENTIFIER
from gateway.documents.values import rfc3339
from gateway.http.errors import invalid_field
from gateway.recording.archived import READER, ArchivedEntries
from gateway.recording.reading import Numbered, Wanted, begins_later, newest_first
from gateway.routes.call import ThisCall, answer
from gateway.routes.proof.moments import Moment, digits, unix_ms_of

routes = Routes()

LIMIT_MAX: Final = 1_000
ARCHIVED_MAX: Final = 50_000
"""Archived entries that one request for a page looks through; its cursor then asks for what follows."""


class AuditEntryJson(Json):
    """One operation, refused attempt, or look at a player's data.

    `outcome`: `asked` (about to be done), `done`, `waiting` (for a second person), or the code of a refusal. `before`
    and `after` are what it changed; of an entry `asked`, `after` is what was asked for. `request_id` is the
    Idempotency-Key, if there was one. `count`: so many attempts are told together.
    """

    number: int
    time: str
    who: str
    role: str
    operation: str
    outcome: str
    subject: str
    player_id: str
    before: Any
    after: Any
    reason: str
    request_id: str
    approved_by: str
    count: int


class AuditJson(Json):
    """Entries, newest first. `cursor` asks for those that follow; null: there are no more. A page may be empty and have
    a cursor: so much was looked through without finding more.

    `complete`: false if older entries that may be asked for can't be had, because the archive is off; then `note` says
    which.
    """

    entries: list[AuditEntryJson]
    cursor: str | None
    complete: bool
    note: str


COLUMNS: Final = AuditEntryJson.__struct_fields__


Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX), BeforeValidator(digits)]
Cursor = Annotated[str | None, Query(pattern=r"^[0-9]{1,15}$", description="As an earlier answer gave it")]
Text = Annotated[str | None, Query(min_length=1, max_length=200)]


@routes.read(
    "GET /audit",
    roles=AUDITOR,
    answers=AuditJson,
    refuses=("journal_unavailable",),
    asks_player=False,
    recorded=True,
    as_csv=True,
)
async def audit(
    call: ThisCall,
    player_id: Annotated[str | None, Query(pattern=IDENTIFIER)] = None,
    begin: Annotated[Moment, Query(alias="from", description="A day, or a time in RFC 3339")] = None,
    end: Annotated[Moment, Query(alias="to", description="Exclusive")] = None,
    operation: Text = None,
    actor: Text = None,
    outcome: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    format: Annotated[Literal["json", "csv"] | None, Query(description="Else by Accept")] = None,  # noqa: A002
) -> Response:
    """The control log, newest first. As CSV (`format=csv`, or `Accept: text/csv`) all that is asked for, streamed."""
    call.admit()
    wanted = Wanted(player_id or "", operation or "", actor or "", outcome or "", unix_ms_of(begin), unix_ms_of(end))
    if wanted.from_ms is not None and wanted.to_ms is not None and wanted.from_ms >= wanted.to_ms:
        raise invalid_field("to", "must be later than from")
    as_csv = format == "csv" or (format is None and b"text/csv" in call.headers.get(b"accept", b""))
    call.look(player_id or "", {"format": "csv" if as_csv else "json"} | _asked(wanted))
    archived = _archived(call, None if as_csv else ARCHIVED_MAX)
    found = newest_first(call.parts.control_log, wanted, None if cursor is None else int(cursor), archived)
    if as_csv:
        first = await anext(found, None)  # before the answer begins: a log that can't be read is a refusal
        note = await _note(call, wanted, archived)
        headers = {"content-disposition": 'attachment; filename="audit.csv"', "x-audit-complete": str(not note).lower()}
        headers |= {"x-audit-note": note} if note else {}
        return StreamingResponse(
            _csv(first, found), media_type="text/csv; charset=utf-8; header=present", headers=headers
        )
    entries, more = await _page(found, limit)
    if archived is not None and archived.stopped_before is not None:
        more = str(archived.stopped_before)
    note = await _note(
        call, wanted, archived
    )  # after the entries were read, for some may have gone into the archive meanwhile
    return answer(AuditJson(entries, more, not note, note))


def _archived(call: ThisCall, most: int | None) -> ArchivedEntries | None:
    """Who tells what the store no longer has; None if this Croupier keeps no archive."""
    readers = call.parts.readers
    there = any(each["name"] == READER for each in call.parts.cluster.cluster().get("readers", ()))
    return ArchivedEntries(readers, most) if readers is not None and there else None


async def _note(call: ThisCall, wanted: Wanted, archived: ArchivedEntries | None) -> str:
    """Which entries are missing; "" if none is. Raises LogUnavailable."""
    if archived is not None:
        return ""
    oldest = await begins_later(call.parts.control_log, wanted)
    if oldest is None:
        return ""
    number, entry = oldest
    return f"Entries before number {number} of {rfc3339(entry.time_ms)} are no longer here, but in the archive."


def _asked(wanted: Wanted) -> dict[str, Any]:
    """What of the log was looked at, for the entry that tells of it."""
    times = {"from": wanted.from_ms, "to": wanted.to_ms}
    shown: dict[str, Any] = {name: rfc3339(time) for name, time in times.items() if time is not None}
    return shown | {name: text for name in ("operation", "actor", "outcome") if (text := getattr(wanted, name))}


async def _page(found: AsyncIterator[Numbered], limit: int) -> tuple[list[AuditEntryJson], str | None]:
    """The entries of one page, and the cursor of the next one."""
    entries: list[AuditEntryJson] = []
    async for number, entry in found:
        if len(entries) == limit:
            return entries, str(entries[-1].number)
        entries.append(_shown((number, entry)))
    return entries, None


async def _csv(first: Numbered | None, others: AsyncIterator[Numbered]) -> AsyncIterator[bytes]:
    yield csv_row(COLUMNS)
    if first is not None:
        yield _row(first)
    async for each in others:
        yield _row(each)


def _row(numbered: Numbered) -> bytes:
    shown = _shown(numbered)
    return csv_row([getattr(shown, name) for name in COLUMNS])


def _shown(numbered: Numbered) -> AuditEntryJson:
    number, entry = numbered
    return AuditEntryJson(
        number=number,
        time=rfc3339(entry.time_ms),
        who=entry.who,
        role=entry.role,
        operation=entry.operation,
        outcome=entry.outcome,
        subject=entry.subject,
        player_id=entry.player_id,
        before=entry.before,
        after=entry.after,
        reason=entry.reason,
        request_id=entry.request_id,
        approved_by=entry.approved_by,
        count=entry.count,
    )
