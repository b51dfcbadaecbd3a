"""Reports: which there are for the caller, and one of them as a stream. They are made in processes of their own."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from fastapi import Path, Query
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.access.admission import forbidden
from gateway.access.auth import Caller
from gateway.access.roles import PEOPLE, PLATFORM
from gateway.declaring import Routes
from gateway.documents.base import Json
from gateway.http.errors import Refused, invalid_field
from gateway.ports import ReportAsked, ReportListed, ReportRefused, ReportsPort, ReportStream
from gateway.routes.call import ThisCall, answer

routes = Routes()

ROLES: Final = PEOPLE | PLATFORM
REFUSES: Final = ("report_not_found", "report_unavailable", "overloaded")

MADE: Final = "GET /reports/{name}.{format}"

ReportName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Format = Annotated[Literal["csv", "json", "pdf"], Path()]
Moment = Annotated[str | None, Query(max_length=64)]


class ReportParameterJson(Json):
    """What a report asks beside the period. Without a `default` it must be given."""

    name: str
    words: str
    default: str | None


class ReportJson(Json):
    """A report that the caller may ask for."""

    name: str
    title: str
    description: str
    parameters: list[ReportParameterJson]


class ReportsJson(Json):
    """The reports that the caller may ask for."""

    reports: list[ReportJson]


class _Streamed(StreamingResponse):
    """Ends what makes the report with the answer, also with one whose first byte was never sent."""

    def __init__(self, report: ReportStream, headers: Mapping[str, str]) -> None:
        super().__init__(report.pieces, media_type=report.content_type, headers=headers)
        self._pieces = report.pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._pieces.aclose()


@routes.read("GET /reports", roles=ROLES, answers=ReportsJson, refuses=("report_unavailable",), asks_player=False)
async def listed(call: ThisCall) -> Response:
    """The reports there are for the caller's role."""
    caller = call.admit()
    return answer(ReportsJson([_shown(report) for report in await _port(call).listed() if _may(caller, report)]))


@routes.read(MADE, roles=ROLES, answers=None, refuses=REFUSES, asks_player=False, recorded=True)
async def made(
    call: ThisCall,
    name: ReportName,
    format: Format,  # noqa: A002
    begin: Annotated[Moment, Query(alias="from", description="A day, or an instant in RFC 3339")] = None,
    end: Annotated[Moment, Query(alias="to", description="The first instant after the period")] = None,
    time_zone: Moment = None,
) -> Response:
    """One report as CSV, JSON or PDF, of a period in a time zone; the report's own parameters are further ones here.

    Without a period it is about yesterday. `X-Report-Provisional: true`: the archive does not cover it all yet.
    """
    port = _port(call)
    caller = call.admit([key for key, _ in call.query_items()])
    known = {report.name: report for report in await port.listed()}
    report = known.get(name)
    if report is None or not _may(caller, report):
        raise _not_yours(caller, name, known)
    own = {parameter.name for parameter in report.parameters}
    call.demand_parameters(own)
    given = {key: text for key, text in call.query_items() if key in own}
    call.look(given.get("player_id", ""), {"report": f"{name}.{format}", **dict(call.query_items())})
    found = await port.ask(ReportAsked(name, format, begin, end, time_zone, given))
    if isinstance(found, ReportRefused):
        raise _refused(found)
    headers = {"content-disposition": f'attachment; filename="{name}.{format}"'}
    headers["x-report-provisional"] = str(found.provisional).lower()
    if found.reconciled is not None:
        headers["x-report-reconciled"] = str(found.reconciled).lower()
    return _Streamed(found, headers)


def _port(call: ThisCall) -> ReportsPort:
    if call.parts.reports is None:
        raise Refused("report_unavailable", "This gateway has no reports.")
    return call.parts.reports


def _may(caller: Caller, report: ReportListed) -> bool:
    return bool(caller.roles & report.roles)


def _not_yours(caller: Caller, name: str, known: Mapping[str, ReportListed]) -> Refused:
    """Only reports of the caller's role are named."""
    if name in known:
        allowed = ", ".join(sorted(known[name].roles))
        return forbidden(caller, MADE, f"The report {name} is for {allowed}.")
    listed = ", ".join(sorted(other.name for other in known.values() if _may(caller, other))) or "none"
    return Refused("report_not_found", f"There is no report {name}; there are: {listed}.")


def _refused(found: ReportRefused) -> Refused:
    if found.code == "invalid_request":
        return invalid_field(found.field, found.detail)
    return Refused(found.code, found.detail)


def _shown(report: ReportListed) -> ReportJson:
    parameters = [ReportParameterJson(each.name, each.words, each.default) for each in report.parameters]
    return ReportJson(report.name, report.title, report.description, parameters)
