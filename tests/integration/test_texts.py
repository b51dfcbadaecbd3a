"""`croupier catalog texts` through the vendors' SDKs, against local servers that speak the endpoints used."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from croupier.cli import main
from croupier.translations.crowdin import Crowdin
from croupier.translations.exchange import pull_texts, push_texts
from croupier.translations.lokalise import Lokalise
from croupier.translations.service import Access, TextsFailed
from tests.integration.translation_services import CrowdinServer, LokaliseServer, serving

ENGLISH = {"campaign.a.name": "Welcome", "campaign.a.description": "For you"}
GERMAN = {"campaign.a.name": "Hallo", "campaign.old.name": "Alt"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "locales").mkdir()
    write(tmp_path, "en", ENGLISH)
    write(tmp_path, "de", GERMAN)
    return tmp_path


@pytest.fixture
def lokalise() -> Iterator[LokaliseServer]:
    with serving(LokaliseServer()) as server:
        assert isinstance(server, LokaliseServer)
        yield server


@pytest.fixture
def crowdin() -> Iterator[CrowdinServer]:
    with serving(CrowdinServer()) as server:
        assert isinstance(server, CrowdinServer)
        yield server


def write(folder: Path, language: str, texts: dict[str, str]) -> None:
    (folder / f"locales/{language}.json").write_text(json.dumps(texts))


def read(folder: Path, language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / f"locales/{language}.json").read_text())
    return found


def to_lokalise(server: LokaliseServer, token: str = "secret") -> Lokalise:
    return Lokalise(Access(token, "p1", f"{server.url}/api2/"), pause_s=0.01)


def to_crowdin(server: CrowdinServer, token: str = "secret") -> Crowdin:
    return Crowdin(Access(token, "7", f"{server.url}/api/v2"))


def test_lokalise_gets_the_english_texts_and_is_waited_for(folder: Path, lokalise: LokaliseServer) -> None:
    assert push_texts(folder, to_lokalise(lokalise)) == 2
    assert lokalise.source == ENGLISH
    assert lokalise.asked == ["POST /api2/projects/p1/files/upload", *["GET /api2/projects/p1/processes/u1"] * 2]


def test_lokalise_gives_translations(folder: Path, lokalise: LokaliseServer) -> None:
    lokalise.translations = {
        "en": {"campaign.a.name": "changed there"},
        "de": {"campaign.a.name": "Willkommen", "campaign.x.name": "X"},
        "pt_BR": {"campaign.a.description": "Para você"},
    }
    assert pull_texts(folder, to_lokalise(lokalise)) == {"de": 1, "pt-BR": 1}
    assert read(folder, "de") == {"campaign.a.name": "Willkommen"}
    assert read(folder, "pt-BR") == {"campaign.a.description": "Para você"}
    assert read(folder, "en") == ENGLISH
    assert not list((folder / "locales").glob(".*"))


def test_crowdin_gets_the_english_texts_the_first_time_and_again(folder: Path, crowdin: CrowdinServer) -> None:
    push_texts(folder, to_crowdin(crowdin))
    assert (crowdin.source, crowdin.files) == (ENGLISH, {"en.json": 41})
    write(folder, "en", {"campaign.a.name": "Hello"})
    push_texts(folder, to_crowdin(crowdin))
    assert crowdin.source == {"campaign.a.name": "Hello"}
    assert [asked for asked in crowdin.asked if "files" in asked] == [
        "GET /api/v2/projects/7/files",
        "POST /api/v2/projects/7/files",
        "GET /api/v2/projects/7/files",
        "PUT /api/v2/projects/7/files/41",
    ]


def test_crowdin_gives_translations_under_our_names_of_languages(folder: Path, crowdin: CrowdinServer) -> None:
    crowdin.files = {"en.json": 41}
    write(folder, "sv", {"campaign.a.description": "Till dig"})
    crowdin.translations = {
        "sv-SE": {"campaign.a.name": "Välkommen", "campaign.a.description": ""},
        "de": {"campaign.a.name": "Hallo", "campaign.a.description": None},
    }
    assert pull_texts(folder, to_crowdin(crowdin)) == {"de": 0, "sv": 1}
    assert read(folder, "sv") == {"campaign.a.name": "Välkommen", "campaign.a.description": "Till dig"}


def test_a_pull_before_the_first_push(folder: Path, crowdin: CrowdinServer) -> None:
    with pytest.raises(TextsFailed, match=r"has no file en.json yet: push first"):
        pull_texts(folder, to_crowdin(crowdin))


@pytest.mark.parametrize("direction", [push_texts, pull_texts])
def test_a_wrong_token_is_one_sentence(
    folder: Path, lokalise: LokaliseServer, crowdin: CrowdinServer, direction: Callable[..., object]
) -> None:
    for service in (to_lokalise(lokalise, "wrong"), to_crowdin(crowdin, "wrong")):
        with pytest.raises(TextsFailed, match="401"):
            direction(folder, service)
    assert read(folder, "de") == GERMAN


def test_a_failed_process_is_told(folder: Path, lokalise: LokaliseServer) -> None:
    lokalise.fails = True
    with pytest.raises(TextsFailed, match="process u1 failed: no keys"):
        push_texts(folder, to_lokalise(lokalise))


def test_nothing_is_written_if_what_comes_is_not_texts(folder: Path, lokalise: LokaliseServer) -> None:
    lokalise.bundle = b"<html>"
    with pytest.raises(TextsFailed, match="no zip file"):
        pull_texts(folder, to_lokalise(lokalise))
    lokalise.bundle, lokalise.translations = None, {"de": {"campaign.a.name": "Neu"}, "fr": {"a": {}}}  # type: ignore[dict-item]
    with pytest.raises(TextsFailed, match=r"fr.json, which is not a flat object of texts"):
        pull_texts(folder, to_lokalise(lokalise))
    lokalise.translations = {"../../de": {"campaign.a.name": "Neu"}, "no language": {}}
    with pytest.raises(TextsFailed, match="no language tag"):
        pull_texts(folder, to_lokalise(lokalise))
    assert read(folder, "de") == GERMAN


def test_nobody_answers(folder: Path) -> None:
    with pytest.raises(TextsFailed, match="Lokalise did not take the texts"):
        push_texts(folder, Lokalise(Access("secret", "p1", "http://127.0.0.1:9/")))


def test_the_command_line(
    folder: Path, crowdin: CrowdinServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CROWDIN_API_TOKEN", "secret")
    where = [str(folder), "--service", "crowdin", "--project", "7", "--api-url", f"{crowdin.url}/api/v2"]
    assert main(["catalog", "texts", "push", *where]) == 0
    crowdin.translations = {"de": {"campaign.a.name": "Moin"}}
    assert main(["catalog", "texts", "pull", *where]) == 0
    assert capsys.readouterr().out == "sent 2 English texts to crowdin\nde: 1 texts changed\n"


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({}, "set LOKALISE_API_TOKEN to a token of the service"),
        ({"LOKALISE_API_TOKEN": "t"}, "name the project: --project ID, or LOKALISE_PROJECT_ID"),
        ({"LOKALISE_API_TOKEN": "t", "LOKALISE_PROJECT_ID": "p"}, "pip install 'croupier[texts]'"),
    ],
)
def test_what_is_missing_is_named(
    folder: Path,
    environment: dict[str, str],
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delitem(sys.modules, "croupier.translations.lokalise")
    monkeypatch.setitem(sys.modules, "lokalise", None)
    for name in ("LOKALISE_API_TOKEN", "LOKALISE_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["catalog", "texts", "push", str(folder), "--service", "lokalise"]) == 1
    assert missing in capsys.readouterr().err
