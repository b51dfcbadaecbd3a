"""`croupier catalog check` and `deploy` as they are typed; the server that is deployed to is a double on loopback."""

import json
from pathlib import Path
from typing import Any

import pytest

from croupier.catalog import load_catalog
from croupier.cli import main
from tests.integration.translation_services import Answer, Service, serving
from tests.support.example_catalog import write


class Croupier(Service):
    """Answers `POST /catalog/deploy`, or another path, as it is told and keeps the bundle."""

    def __init__(self, answer: Answer, path: str = "/catalog/deploy") -> None:
        super().__init__()
        self.answer, self.files, self.authorization = answer, dict[str, str](), ""
        self.path = path

    def handle(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        assert (method, path, bool(headers["Idempotency-Key"])) == ("POST", self.path, True)
        self.files, self.authorization = json.loads(body)["files"], headers["Authorization"]
        return self.answer


DIFF = {
    "added": ["campaigns.spring"],
    "removed": ["games.old"],
    "changed": [{"path": "campaigns.a.wager.multiplier", "from": "35", "to": None}],
    "left_off": 2,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path)


def deploy(folder: Path, answer: Answer) -> tuple[int, Croupier]:
    with serving(server := Croupier(answer)):
        return main(["catalog", "deploy", str(folder), "--url", server.url, "--token", "jwt"]), server


def test_a_deploy_prints_version_and_differences(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, server = deploy(folder, (200, {"version": "0123", "diff": DIFF}))
    assert (code, server.authorization) == (0, "Bearer jwt")
    assert server.files["campaigns/goodwill.yaml"] == (folder / "campaigns/goodwill.yaml").read_text()
    assert capsys.readouterr().out.splitlines() == [
        "deployed 0123",
        "+ campaigns.spring",
        "- games.old",
        "~ campaigns.a.wager.multiplier: 35 → –",
        "… and 2 more",
    ]


def test_a_deploy_that_is_refused_says_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = {"code": "catalog_invalid", "detail": "The catalog has a problem.",
               "errors": [{"file": "games.yaml", "line": 3, "reason": "no"}]}  # fmt: skip
    code, _ = deploy(folder, (409, problem))
    assert code == 1
    assert "refused with 409: The catalog has a problem.\n  games.yaml:3 no" in capsys.readouterr().err


def test_a_broken_catalog_is_not_even_sent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "games.yaml").unlink()
    code, server = deploy(folder, (200, {}))
    assert (code, server.asked) == (1, [])
    assert "games.yaml:1: this file is missing" in capsys.readouterr().out


def test_nobody_to_deploy_to(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "deploy", str(folder), "--url", "http://127.0.0.1:9"]) == 1
    assert "no Croupier answers at http://127.0.0.1:9" in capsys.readouterr().err


def test_a_check_prints_warnings_and_is_fine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "locales/de.json").write_text('{"a": "b"}')
    assert main(["catalog", "check", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "locales/de.json:1: the text `a` is not used; no campaign or level has it (warning)" in lines
    assert lines[-1].endswith(
        f"fine; 3 games, 2 campaigns, 1 workflows, 3 levels, texts in: de, en; version {load_catalog(folder).version}"
    )


HELD = {"file": "platform.yaml", "line": 3, "reason": "JPY has exponent 2 here, but 3 players hold it with exponent 0"}


@pytest.mark.parametrize(
    ("problems", "code", "last"),
    [([], 0, "fine there, too"), ([HELD], 1, f"platform.yaml:3: {HELD['reason']}")],
)
def test_a_check_at_a_running_croupier_tells_what_does_not_fit_there(
    folder: Path, capsys: pytest.CaptureFixture[str], problems: list[Any], code: int, last: str
) -> None:
    with serving(server := Croupier((200, {"problems": problems, "warnings": []}), "/catalog/check")):
        assert main(["catalog", "check", str(folder), "--url", server.url + "/", "--token", "jwt"]) == code
    assert server.authorization == "Bearer jwt"
    assert server.files["platform.yaml"] == (folder / "platform.yaml").read_text()
    assert capsys.readouterr().out.splitlines()[-1].endswith(last)


def test_a_check_at_nobody_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "check", str(folder), "--url", "http://127.0.0.1:9"]) == 1
    assert "no Croupier answers at http://127.0.0.1:9" in capsys.readouterr().err


def test_a_check_of_nothing_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "check", str(tmp_path / "no")]) == 1
    assert "there is no such folder to read a catalog from" in capsys.readouterr().out
