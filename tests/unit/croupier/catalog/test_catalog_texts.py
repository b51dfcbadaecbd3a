"""Texts of campaigns: the files, what is missing or too much in them, and which one a player reads."""

from pathlib import Path

import pytest

from croupier.catalog import check_folder
from croupier.catalog.places import Problem
from gateway.texts import Texts, campaign_key
from tests.support.example_catalog import ENGLISH, SHIPPED, problems

TEXTS = Texts({"en": {"a": "one", "b": "two"}, "de": {"a": "eins"}, "pt-BR": {"a": "um"}})


@pytest.mark.parametrize(
    ("language", "key", "text"),
    [
        ("de", "a", "eins"),
        ("DE", "a", "eins"),
        ("de-AT", "a", "eins"),
        ("de-Latn-AT", "a", "eins"),
        ("de", "b", "two"),
        ("pt-BR", "a", "um"),
        ("pt", "a", "one"),
        ("fr", "a", "one"),
        ("*", "a", "one"),
        ("", "a", "one"),
        ("de", "c", None),
    ],
)
def test_lookup_falls_back_to_the_wider_language_and_then_to_english(language: str, key: str, text: str | None) -> None:
    assert TEXTS.lookup(language, key) == text


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [(["fr", "de-CH", "en"], "de"), (["pt-br"], "pt-BR"), (["*"], "en"), ([], "en"), (["fr"], "en")],
)
def test_the_first_language_there_is(wanted: list[str], chosen: str) -> None:
    assert TEXTS.choose(wanted) == chosen


def test_texts_are_read_in_every_language(folder: Path) -> None:
    (folder / "locales/de.json").write_bytes(b'\xef\xbb\xbf{\n\t"campaign.welcome.name": "Gr\xc3\xbc\xc3\x9fe"}')
    texts = check_folder(folder).texts
    assert texts.lookup("de", campaign_key("welcome", "name")) == "Grüße"
    assert texts.lookup("de", campaign_key("goodwill", "name")) == "Goodwill"


def test_the_shipped_catalog_speaks_three_languages() -> None:
    languages = check_folder(SHIPPED).texts.languages
    assert set(languages) == {"en", "de", "sv"}
    assert len({frozenset(texts) for texts in languages.values()}) == 1


@pytest.mark.parametrize(
    ("written", "instead"),
    [('"Welcome"', '""'), ("campaign.welcome.name", "campaign.welcome.title"), (ENGLISH, "{}")],
)
def test_a_campaign_without_english_texts_is_a_warning(folder: Path, written: str, instead: str) -> None:
    (folder / "locales/en.json").write_text(ENGLISH.replace(written, instead))
    checked = check_folder(folder)
    assert checked.problems == ()
    assert Problem("campaigns/welcome.yaml", 1, MISSING) in checked.warnings


MISSING = "there is no English text `campaign.welcome.name`; write it in locales/en.json"


def test_what_a_translation_lacks_is_a_warning(folder: Path) -> None:
    (folder / "locales/de.json").write_text(ENGLISH.replace('"Welcome"', '""'))
    checked = check_folder(folder)
    assert checked.problems == ()
    assert [str(warning) for warning in checked.warnings] == [
        "locales/de.json:1: there is no text `campaign.welcome.name`; players read it in English"
    ]


def test_a_text_that_belongs_to_nothing_is_a_warning(folder: Path) -> None:
    (folder / "locales/en.json").write_text(ENGLISH.replace("{\n", '{\n  "campaign.goodwil.name": "G",\n'))
    checked = check_folder(folder)
    assert checked.problems == ()
    assert [str(warning) for warning in checked.warnings] == [
        "locales/en.json:2: the text `campaign.goodwil.name` is not used (did you mean `campaign.goodwill.name`?); "
        "no campaign or level has it"
    ]


@pytest.mark.parametrize(
    ("name", "content", "line", "reason"),
    [
        ("de", b'{"a": "b",\n "a": "c"}', 2, "`a` is written twice, the first time in line 1; keep one"),
        ("de", b'{\n"a": ["b"]}', 2, 'text in quotes is due for `a`, like "Welcome"'),
        ("de", b'{\n"a": {"b": "c"}}', 2, 'text in quotes is due for `a`, like "Welcome"'),
        ("de", b'["a"]', 1, "a group of texts is due here"),
        ("de", b'{"a": "b",}', 1, "this is not valid JSON"),
        ("de", b"", 1, "this is not valid JSON: expecting value"),
        ("de", b'{\n"a": "\xe9"}', 2, "this is not UTF-8 text"),
        ("de", b'{"a": "' + b"x" * 4001 + b'"}', 1, "the text of `a` is too long: at most 4000 characters"),
        ("de", b'{"a": "\\ud800"}', 1, "there is half a character here"),
        ("de", b"[" * 100_000, 1, "values are nested too deeply"),
        ("german", b"{}", 1, "name the file after its language, like de.json or pt-BR.json"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_reason(
    folder: Path, name: str, content: bytes, line: int, reason: str
) -> None:
    (folder / f"locales/{name}.json").write_bytes(content)
    found = problems(folder)
    assert any((p.file, p.line) == (f"locales/{name}.json", line) and reason in p.reason for p in found), found


NOTICE = '{\n  "notice.level_changed.subject": "Now {{ level }}",'


def test_texts_of_notices_are_rendered_in_every_language(folder: Path) -> None:
    (folder / "locales/en.json").write_text(ENGLISH.replace("{", NOTICE, 1))
    (folder / "locales/de.json").write_text('{\n  "notice.level_changed.subject": "Jetzt {{ stufe }}"\n}')
    assert [str(problem) for problem in problems(folder)] == [
        "locales/de.json:2: `notice.level_changed.subject`: 'stufe' is undefined; "
        "it may name level, old_level, player_id, reason, unsubscribe_url"
    ]


def test_a_text_that_no_notice_has_is_a_problem(folder: Path) -> None:
    (folder / "locales/en.json").write_text(ENGLISH.replace("{", NOTICE.replace("subject", "subjct"), 1))
    assert problems(folder) == [
        Problem(
            "locales/en.json",
            2,
            "there is no text `notice.level_changed.subjct` of a notice (did you mean `notice.level_changed.subject`?)",
        )
    ]


def test_texts_of_notices_that_only_one_language_has_are_warnings(folder: Path) -> None:
    (folder / "locales/en.json").write_text(ENGLISH.replace("{", NOTICE, 1))
    translated = ENGLISH.replace("{", '{\n  "notice.level_changed.short": "{{ level }}",', 1)
    (folder / "locales/de.json").write_text(translated)
    checked = check_folder(folder)
    assert checked.problems == ()
    assert [str(warning) for warning in checked.warnings] == [
        "locales/de.json:1: there is no text `notice.level_changed.subject`; players read it in English",
        "locales/de.json:2: English has no text `notice.level_changed.short`; a pull would drop this one",
    ]
