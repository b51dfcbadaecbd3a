"""`GET /audit`: newest first, filtered, in pages and as CSV; reading it is told of, too."""

import base64
import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from engine.control_entries import ControlEntry, encode_control_entry
from gateway.recording.reading import FETCHED
from tests.support.gateway_doubles import MemoryControlLog, RoleAuth, app_with, calling

DAY_MS = 86_400_000
JAN_1 = 1_767_225_600_000


def entry(number: int, **more: Any) -> ControlEntry:
    """One per hour, from the beginning of 2026."""
    fields = {"who": "ann", "role": "ops", "operation": "POST /catalog/deploy", "subject": f"v{number}"} | more
    return ControlEntry(time_ms=JAN_1 + number * 3_600_000, **fields)  # type: ignore[arg-type]


def log_of(*entries: ControlEntry) -> MemoryControlLog:
    log = MemoryControlLog()
    log.entries += entries
    return log


async def ask(log: MemoryControlLog, query: str = "", **headers: str) -> httpx.Response:
    async with calling(app_with(auth=RoleAuth("auditor"), control_log=log)) as client:
        return await client.get(f"/audit{query}", headers=headers)


async def subjects(log: MemoryControlLog, query: str) -> list[str]:
    response = await ask(log, query)
    assert response.status_code == 200, response.text
    return [each["subject"] for each in response.json()["entries"]]


MIXED = (
    entry(0, who="ann", player_id="p1", operation="POST /loyalty/points/add"),
    entry(1, who="bob", player_id="p1", operation="GET /players/{player_id}"),
    entry(2, who="ann", player_id="p10", operation="POST /loyalty/points/add"),
    entry(3, who="carl", operation="POST /loyalty/status/update", approved_by="ann"),
    entry(30, who="root", operation="croupier bus redrive", outcome="forbidden"),
)


async def test_an_entry_is_shown_whole() -> None:
    given = ControlEntry(
        JAN_1, "ann", "loyalty_admin", "POST /loyalty/points/add", "done", "", "p1",
        {"points_available": 5}, {"points_available": 15}, "sorry", "k1", "bob", 2,
    )  # fmt: skip
    response = await ask(log_of(given))
    assert response.json() == {
        "entries": [
            {
                "number": 1,
                "time": "2026-01-01T00:00:00.000Z",
                "who": "ann",
                "role": "loyalty_admin",
                "operation": "POST /loyalty/points/add",
                "outcome": "done",
                "subject": "",
                "player_id": "p1",
                "before": {"points_available": 5},
                "after": {"points_available": 15},
                "reason": "sorry",
                "request_id": "k1",
                "approved_by": "bob",
                "count": 2,
            }
        ],
        "cursor": None,
        "complete": True,
        "note": "",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["v30", "v3", "v2", "v1", "v0"]),
        ("?player_id=p1", ["v1", "v0"]),
        ("?actor=ann", ["v3", "v2", "v0"]),
        ("?operation=/loyalty/points", ["v2", "v0"]),
        ("?operation=POST", ["v3", "v2", "v0"]),
        ("?operation=redrive&actor=root", ["v30"]),
        ("?from=2026-01-02", ["v30"]),
        ("?to=2026-01-02", ["v3", "v2", "v1", "v0"]),
        ("?from=2026-01-01T01:00:00Z&to=2026-01-01T03:00:00Z", ["v2", "v1"]),
        ("?from=2026-01-01T02:00:00%2B01:00&to=2026-01-01T02:30:00Z", ["v2", "v1"]),
        ("?player_id=nobody", []),
        ("?outcome=forbidden", ["v30"]),
        ("?outcome=done&actor=ann", ["v3", "v2", "v0"]),
    ],
)
async def test_by_player_person_operation_and_time(query: str, found: list[str]) -> None:
    assert await subjects(log_of(*MIXED), query) == found


async def test_pages_follow_each_other_and_each_is_told_of() -> None:
    total = 2 * FETCHED + 50
    log, seen, cursor = log_of(*(entry(number) for number in range(total))), list[str](), ""
    while True:
        page = (await ask(log, f"?operation=deploy&limit=500{cursor}")).json()
        seen += [each["subject"] for each in page["entries"]]
        if page["cursor"] is None:
            break
        cursor = f"&cursor={page['cursor']}"
    assert seen == [f"v{number}" for number in reversed(range(total))]
    looks = log.entries[total:]
    assert [(each.operation, each.outcome, each.who, each.after) for each in looks] == [
        ("GET /audit", "done", "tester", {"format": "json", "operation": "deploy"})
    ] * 5


class ArchivedLog:
    """The archive's reader, with the entries that the store no longer has; `why` it can't tell them, if it can't."""

    def __init__(self, log: MemoryControlLog, why: str = "") -> None:
        self._log, self._why = log, why
        self.asked = 0

    async def ask_reader(self, name: str, request: bytes) -> bytes:
        asked = json.loads(request)
        assert (name, asked["do"]) == ("archive", "control")
        self.asked += 1
        last = asked["before"] - 1
        numbers = range(last, max(0, last - min(asked["limit"], 40)), -1)
        entries = [
            [each, base64.b64encode(encode_control_entry(self._log.entries[each - 1])).decode()] for each in numbers
        ]
        found = {"outcome": "found", "entries": entries}
        return json.dumps({"outcome": "unavailable", "detail": self._why} if self._why else found).encode()


async def pages(log: MemoryControlLog, archived: ArchivedLog, query: str) -> list[list[str]]:
    """Page after page, until there is no cursor; the subjects on each."""
    found, cursor = list[list[str]](), ""
    async with calling(app_with(auth=RoleAuth("auditor"), control_log=log, readers=archived)) as client:
        while True:
            page = (await client.get(f"/audit?operation=deploy&{query}{cursor}")).json()
            assert page["complete"], "nothing is left off"
            found.append([each["subject"] for each in page["entries"]])
            if page["cursor"] is None:
                return found
            cursor = f"&cursor={page['cursor']}"


@pytest.mark.parametrize("limit", [7, 100, 1_000])
async def test_the_archive_goes_on_where_the_store_ends(limit: int) -> None:
    log = log_of(*(entry(number) for number in range(150)))
    log.gone = 120
    found = await pages(log, ArchivedLog(log), f"limit={limit}")
    assert [subject for page in found for subject in page] == [f"v{number}" for number in reversed(range(150))]


async def test_a_page_looks_through_a_bounded_part_of_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.routes.proof.audit.ARCHIVED_MAX", 50)
    log = log_of(entry(0, who="bob"), *(entry(number) for number in range(1, 150)))
    log.gone = 140
    archived = ArchivedLog(log)
    found = await pages(log, archived, "actor=bob")
    assert (len(found) > 1, found[0], found[-1]) == (True, [], ["v0"])


async def test_what_was_not_asked_for_is_not_looked_up_in_the_archive() -> None:
    log = log_of(*(entry(number) for number in range(60)))
    log.gone = 20
    archived = ArchivedLog(log)
    since = "from=2026-01-02T12:00:00Z"
    assert await pages(log, archived, since) == [[f"v{number}" for number in range(59, 35, -1)]]
    assert archived.asked == 0


async def test_a_table_has_all_of_the_archive() -> None:
    log = log_of(*(entry(number) for number in range(150)))
    log.gone = 120
    async with calling(app_with(auth=RoleAuth("auditor"), control_log=log, readers=ArchivedLog(log))) as client:
        table = await client.get("/audit?operation=deploy&format=csv")
    rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert [row["subject"] for row in rows] == [f"v{number}" for number in reversed(range(150))]
    assert table.headers["x-audit-complete"] == "true"


@pytest.mark.parametrize("query", ["?operation=deploy", "?cursor=5"])
async def test_an_archive_that_does_not_answer_is_no_end(query: str) -> None:
    log = log_of(*MIXED)
    log.gone = 2
    async with calling(app_with(auth=RoleAuth("auditor"), control_log=log, readers=ArchivedLog(log, "gone"))) as client:
        refused = await client.get(f"/audit{query}")
    assert (refused.status_code, refused.json()["code"]) == (503, "journal_unavailable")


@pytest.mark.parametrize(
    ("query", "complete"),
    [
        ("?", False),
        ("?from=2026-01-01", False),
        ("?to=2026-01-01T01:00:00Z", False),
        ("?from=2026-01-01T02:05:00Z", False),  # the clocks of those who write may differ
        ("?from=2026-01-01T03:00:00Z", True),
    ],
)
async def test_what_is_in_the_archive_only_is_said(query: str, complete: bool) -> None:
    """To a Croupier that keeps no archive any more."""
    log = log_of(*MIXED)
    log.gone = 2
    app = app_with(auth=RoleAuth("auditor"), control_log=log, reader_names=("webhooks",))
    async with calling(app) as client:
        page, table = (await client.get(f"/audit{query}")).json(), await client.get(f"/audit{query}&format=csv")
    note = "Entries before number 3 of 2026-01-01T02:00:00.000Z are no longer here, but in the archive."
    assert (page["complete"], page["note"]) == (complete, "" if complete else note)
    assert table.headers["x-audit-complete"] == str(complete).lower()
    assert table.headers.get("x-audit-note", "") == ("" if complete else note)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?from=yesterday", "from"),
        ("?from=2026-01-02&to=2026-01-02", "to"),
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=1e2", "limit"),
        ("?cursor=abc", "cursor"),
        ("?format=xml", "format"),
        ("?player_id=a%20b", "player_id"),
        ("?actor=", "actor"),
        ("?colour=red", "colour"),
    ],
)
async def test_a_mistake_is_named(query: str, field: str) -> None:
    response = await ask(log_of(), query)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize(("query", "accept"), [("?format=csv", "*/*"), ("", "text/csv")])
async def test_csv_has_all_and_is_streamed(query: str, accept: str) -> None:
    log = log_of(*(entry(number) for number in range(2 * FETCHED + 7)))
    response = await ask(log, query, accept=accept)
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(response.text, newline="")))
    assert rows[0][:5] == ["number", "time", "who", "role", "operation"]
    assert [row[6] for row in rows[1:]] == [f"v{number}" for number in reversed(range(2 * FETCHED + 7))]
    assert response.text.count("\r\n") == len(rows)
    assert log.entries[-1].after == {"format": "csv"}


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
async def test_a_cell_is_never_a_formula(begin: str) -> None:
    log = log_of(entry(0, reason=f'{begin}1+cmd|"/c calc"!A1, "quoted"', before={"a": [1, "b"]}))
    row = next(csv.DictReader(io.StringIO((await ask(log, "?format=csv")).text, newline="")))
    assert row["reason"] == f'\'{begin}1+cmd|"/c calc"!A1, "quoted"'
    assert (row["before"], row["after"], row["count"]) == ('{"a":[1,"b"]}', "", "1")


async def test_an_export_names_the_player_it_is_about() -> None:
    log = log_of(*MIXED)
    await ask(log, "?player_id=p1&format=csv")
    assert (log.entries[-1].operation, log.entries[-1].player_id) == ("GET /audit", "p1")


async def test_a_log_that_is_away_is_said_so() -> None:
    log = log_of()
    log.down = "the store is away"
    response = await ask(log)
    assert (response.status_code, response.json()["code"]) == (503, "journal_unavailable")


async def test_what_is_older_than_asked_for_is_not_even_read() -> None:
    class Counting(MemoryControlLog):
        reads = 0

        async def before(self, number: int | None, limit: int) -> Any:
            self.reads += 1
            return await super().before(number, limit)

    log = Counting()
    log.entries += [entry(number) for number in range(5 * FETCHED)]
    newest = log.entries[-1].time_ms
    day = f"?from={datetime.fromtimestamp(newest / 1_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert await subjects(log, day) == [f"v{5 * FETCHED - 1}"]
    assert log.reads == 1
