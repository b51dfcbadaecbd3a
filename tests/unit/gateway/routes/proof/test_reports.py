"""Reports over HTTP: who may ask for which, what reaches the process that makes it, and what comes back."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from gateway.ports import ReportAsked, ReportListed, ReportRefused, ReportStream
from gateway.routes.proof.reports import _Streamed
from tests.support.gateway_doubles import RoleAuth, ScriptedReports, app_with, calling
from tests.support.patience import PATIENCE_S


async def test_a_report_is_streamed_with_what_is_known_of_it_beforehand() -> None:
    reports = ScriptedReports(reconciled=False)
    async with calling(app_with(reports=reports)) as client:
        response = await client.get("/reports/ggr.csv?from=2026-01-01&to=2026-02-01&time_zone=Europe/Berlin")
    assert (response.status_code, response.text) == (200, "day,ggr\r\nx,1.00\r\n")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="ggr.csv"'
    assert response.headers["x-report-provisional"] == "true"
    assert response.headers["x-report-reconciled"] == "false"
    assert reports.asked == [ReportAsked("ggr", "csv", "2026-01-01", "2026-02-01", "Europe/Berlin", {})]


async def test_the_list_has_the_reports_of_the_callers_role_only() -> None:
    async with calling(app_with(auth=RoleAuth("support"))) as client:
        found = (await client.get("/reports")).json()["reports"]
    assert [report["name"] for report in found] == ["player-statement"]
    assert found[0]["parameters"] == [{"name": "player_id", "words": "the player", "default": None}]


async def test_a_report_for_others_is_forbidden_and_an_unknown_one_names_those_that_there_are() -> None:
    async with calling(app_with(auth=RoleAuth("support"))) as client:
        others = await client.get("/reports/ggr.csv")
        unknown = await client.get("/reports/gsr.csv?from=2026-01-01&colour=red")
    assert (others.status_code, others.json()["code"]) == (403, "forbidden")
    assert others.json()["detail"] == "The report ggr is for auditor, marketing_manager."
    assert (unknown.status_code, unknown.json()["code"]) == (404, "report_not_found")
    assert unknown.json()["detail"] == "There is no report gsr; there are: player-statement."


async def test_a_reports_own_parameters_are_passed_on_and_no_others() -> None:
    reports = ScriptedReports()
    async with calling(app_with(reports=reports)) as client:
        fine = await client.get("/reports/player-statement.json?player_id=p1")
        wrong = await client.get("/reports/ggr.csv?player_id=p1")
        twice = await client.get("/reports/player-statement.json?player_id=p1&player_id=p2")
    assert fine.status_code == 200
    assert reports.asked == [ReportAsked("player-statement", "json", None, None, None, {"player_id": "p1"})]
    assert wrong.json()["errors"] == [{"field": "player_id", "reason": "is not a parameter of this route"}]
    assert twice.json()["errors"] == [{"field": "player_id", "reason": "must be given once"}]


async def test_a_bad_period_is_an_invalid_request() -> None:
    reports = ScriptedReports(ReportRefused("invalid_request", "the period must end after it begins", "to"))
    async with calling(app_with(reports=reports)) as client:
        response = await client.get("/reports/ggr.csv?from=2026-02-01&to=2026-01-01")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert response.json()["errors"] == [{"field": "to", "reason": "the period must end after it begins"}]


@pytest.mark.parametrize("path", ["/reports/ggr.xls", "/reports/ggr", "/reports/..%2Fsecret.csv", "/reports/Ggr.csv"])
async def test_other_names_reach_nobody(path: str) -> None:
    reports = ScriptedReports()
    async with calling(app_with(reports=reports)) as client:
        response = await client.get(path)
    assert response.status_code in (400, 404)
    assert reports.asked == []


class Unread:
    """The pieces of a report that nobody has asked for yet."""

    closed = False

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        raise AssertionError

    async def __anext__(self) -> bytes:
        raise AssertionError

    async def aclose(self) -> None:
        self.closed = True


async def test_a_report_whose_client_leaves_before_the_first_byte_is_closed() -> None:
    """The control log is told of the answer before it begins; meanwhile the client may leave."""
    pieces, begun = Unread(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    response = _Streamed(ReportStream("text/csv", False, None, pieces), {})
    async with asyncio.timeout(PATIENCE_S):
        await response({"type": "http", "method": "GET", "asgi": {"spec_version": "2.3"}}, receive, send)
    assert pieces.closed


async def test_nobody_who_has_not_proved_who_he_is_makes_the_gateway_read_the_reports() -> None:
    class Counting(ScriptedReports):
        looked = 0

        async def listed(self) -> list[ReportListed]:
            self.looked += 1
            return [*await super().listed()]

    reports = Counting()
    async with calling(app_with(reports=reports, auth=RoleAuth())) as client:
        assert (await client.get("/reports/ggr.csv?colour=red")).status_code in (401, 403)
    assert reports.looked == 0
