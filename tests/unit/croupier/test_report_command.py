"""`croupier facts` and `croupier report` as they are typed: what they print, write, and refuse in words."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from croupier.cli import main
from croupier.running import report_children
from croupier.running.report_children import ReportChildren
from croupier.settings import Settings
from gateway.ports import ReportAsked, ReportRefused, ReportStream
from snapshots.audit.notes import Signer
from tests.support.playing import Table
from tests.support.sealed_archive import SealedArchive

STAKES = """\
-- title: Stakes by game
-- description: What was staked.
-- roles: [auditor]
-- columns:
--   - {name: game_id, type: text}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: stakes, type: money}
-- ledger: true
-- charts: [{kind: bar, title: Stakes, x: game_id, y: [stakes]}]
SELECT game_id, currency, exponent, sum(stake) AS stakes FROM bets
WHERE event = 'BetPlaced' AND time >= $from AND time < $to GROUP BY ALL ORDER BY ALL
"""
PERIOD = ("--from", "2026-01-01", "--to", "2026-01-02")


@pytest.fixture
async def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that name an archive of twelve spins, facts, and a folder of reports."""
    monkeypatch.setattr("feeds.reports.session.confine", lambda: None)  # these tests share one process
    table = Table(real=1_000)
    for _ in range(12):
        table.spin(20, 10)
    await SealedArchive(tmp_path / "archive").seal(table.transitions)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "stakes.sql").write_text(STAKES)
    named = {"archive": "archive", "facts": "facts", "reports": "reports"}
    return [*(f"--{name}={tmp_path / folder}" for name, folder in named.items()), f"--store=sqlite:{tmp_path / 'none'}"]


def test_a_report_is_made_of_facts_that_are_brought_up_to_date(
    places: list[str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["report", "stakes", *PERIOD, *places]) == 0
    out, err = capfdbinary.readouterr()
    assert out == b"game_id,currency,stakes\r\nbook,EUR,2.40\r\n"
    assert b"Stakes by game: 2026-01-01T00:00:00.000Z up to 2026-01-02T00:00:00.000Z, UTC\n" in err
    assert b"provisional" in err
    assert main(["report", "stakes", *PERIOD, *places, "--format", "json", "--output", str(tmp_path / "x.json")]) == 0
    assert json.loads((tmp_path / "x.json").read_bytes())["rows"][0]["stakes"] == 240
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "facts", "reports", "x.json"}


def test_facts_are_rebuilt(places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = [place for place in places if not place.startswith("--reports")]
    assert main(["facts", "rebuild", *where]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'facts'}: 26 rows in 3 files, up to segment 1\n"
    assert main(["facts", "rebuild", *where, "--from", "the-first"]) == 2
    assert capsys.readouterr().err == "croupier: --from the-first: a day like 2026-11-28 is due here\n"
    assert main(["facts", "rebuild", *where, f"--archive={tmp_path / 'nowhere'}"]) == 2
    assert "there is no archive in" in capsys.readouterr().err
    assert main(["facts", "rebuild", *where, f"--facts={tmp_path / 'reports'}"]) == 1
    assert "is no folder of facts: it holds stakes.sql" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "code", "says"),
    [
        (["stake"], 1, "There is no report 'stake'; there are: "),
        (["stakes", "--from", "2026-02-30"], 1, "from: '2026-02-30' is no day like"),
        (["stakes", "--time-zone", "Mars"], 1, "time_zone: 'Mars' is no time zone"),
        (["stakes", "--set", "colour=red"], 1, "colour: is no parameter of the report stakes, which has: none"),
        (["stakes", "--set", "colour"], 2, "--set colour: NAME=VALUE is due here"),
        (["stakes", "--output", "/nowhere/x.csv"], 2, "--output /nowhere/x.csv: No such file or directory"),
    ],
)
def test_what_is_typed_wrongly_is_told(
    typed: list[str], code: int, says: str, places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *typed, *places]) == code
    assert says in capsys.readouterr().err


def test_reports_are_listed_and_checked(places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *places]) == 0
    listed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert listed["stakes"] == "Stakes by game"
    assert main(["report", "--json", *places]) == 0
    assert {"name": "stakes", "title": "Stakes by game"} in json.loads(capsys.readouterr().out)
    assert main(["report", "stakes", "--check", *places]) == 0
    assert capsys.readouterr().out == "1 reports: fine\n"
    path = tmp_path / "reports" / "stakes.sql"
    path.write_text(STAKES.replace("sum(stake)", "sum(steak)"))
    assert main(["report", "stakes", "--check", *places]) == 1
    assert capsys.readouterr().out.startswith(f"{path}:11: Binder Error")


def test_without_the_libraries_it_is_said_how_to_get_them(
    places: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says = "pip install 'croupier[reports]'"
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert main(["report", "stakes", *places]) == 2
    assert says in capsys.readouterr().err
    assert main(["facts", "rebuild", *(place for place in places if not place.startswith("--reports"))]) == 2
    assert says in capsys.readouterr().err
    assert main(["report", "stakes", "--machine", *places]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["refused"] == "report_failed" and says in told["detail"]


async def test_a_gateway_has_reports_made_by_processes_of_their_own(
    places: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_children, "AT_ONCE_MAX", 1)
    monkeypatch.setenv("CROUPIER_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setenv("CROUPIER_FACTS", str(tmp_path / "facts"))
    settings = Settings(store=f"sqlite:{tmp_path / 'none'}", catalog=tmp_path)
    children = ReportChildren(settings, tmp_path / "reports")
    wanted = ReportAsked("stakes", "csv", "2026-01-01", "2026-01-02", None, {})
    found, one_too_many = await asyncio.gather(children.ask(wanted), children.ask(wanted))
    assert isinstance(one_too_many, ReportRefused) and one_too_many.code == "overloaded"
    assert isinstance(found, ReportStream), found
    assert (found.content_type, found.provisional, found.reconciled) == ("text/csv; charset=utf-8", True, True)
    assert b"".join([piece async for piece in found.pieces]) == b"game_id,currency,stakes\r\nbook,EUR,2.40\r\n"
    while children._running:  # the place is free again when the process is gone
        await asyncio.sleep(0.01)
    refused = await children.ask(wanted._replace(since="2027-01-01"))
    assert isinstance(refused, ReportRefused) and (refused.code, refused.field) == ("invalid_request", "to")
    await children.close()
    assert isinstance(await children.listed(), list)


def test_a_pdf_without_its_libraries_is_refused_in_words(
    places: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    assert main(["report", "stakes", *places, "--format", "pdf"]) != 0
    assert "pip install 'croupier[reports]'" in capsys.readouterr().err


def test_a_signed_report_is_verified_and_a_changed_one_is_not(
    places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signer = Signer(bytes(range(32)), "casino.example/croupier")
    home = tmp_path / "home"
    home.mkdir()
    (home / "audit.key").write_text(bytes(range(32)).hex())
    (tmp_path / "public.key").write_text(str(signer.verifier))
    file = tmp_path / "closing.json"
    told = [place for place in places if not place.startswith("--store")]
    named = integrations_with_origin(tmp_path, signer.origin)
    made = main(["report", "daily-closing", *told, f"--store=sqlite:{home}", f"--integrations={named}", *PERIOD,
                 "--format", "json", "--output", str(file)])  # fmt: skip
    assert made == 0
    verify = ["report", "--verify", str(file), "--public-key", str(tmp_path / "public.key")]
    assert main(verify) == 0
    assert "signed, and unchanged" in capsys.readouterr().out
    file.write_text(file.read_text().replace('"deposits":1000', '"deposits":1001'))
    assert main(verify) == 1
    assert "other figures" in capsys.readouterr().out


def integrations_with_origin(folder: Path, origin: str) -> Path:
    path = folder / "integrations.yaml"
    path.write_text(json.dumps({"audit": {"origin": origin}}))
    return path
