"""`locales/<lang>.json`: flat JSON objects `key → text` with their lines, compared with the keys that the catalog needs
(rules §6).

Missing texts, in English (the source) or another language, and texts that belong to nothing are warnings, because
bonuses work without texts.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from croupier.catalog.places import Place, Problem, encodable, suggestion
from croupier.catalog.readers.campaigns import ReadCampaign
from croupier.catalog.readers.levels import ReadLevels
from gateway.texts import SOURCE_LANGUAGE, Texts, campaign_key, level_key

LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
TEXT_CHARS_MAX: Final = 4000
NOTICES: Final = "notice."
"""Texts of notices to players are checked by `readers.notices`."""
CAMPAIGN_TEXTS: Final = ("name", "description")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_COLON: Final = re.compile(r"\s*:")


class _Entry(NamedTuple):
    key: str
    value: object
    line: int


def read_locales(files: Mapping[str, bytes], problems: list[Problem]) -> tuple[Texts, dict[str, dict[str, int]]]:
    """All `locales/*.json` of `files`, and the line of each key by file. An empty text counts as missing."""
    languages: dict[str, dict[str, str]] = {}
    lines: dict[str, dict[str, int]] = {}
    for name in files:
        if not name.startswith("locales/"):
            continue
        language = name.removeprefix("locales/").removesuffix(".json")
        if not LANGUAGE.fullmatch(language):
            problems.append(Problem(name, 1, "name the file after its language, like de.json or pt-BR.json"))
        entries = _entries(name, files[name], problems)
        languages[language] = {entry.key: str(entry.value) for entry in entries if entry.value}
        lines[name] = {entry.key: entry.line for entry in entries}
    return Texts(languages), lines


def _entries(file: str, content: bytes, problems: list[Problem]) -> list[_Entry]:
    """The texts of one file. A value that is no text, or is written twice, is noted and left out."""
    pairs = _pairs(file, content, problems)
    first: dict[str, _Entry] = {}
    for entry in pairs:
        place = Place(file, entry.line, None, problems)
        if entry.key in first:
            place.problem(
                f"`{entry.key[:80]}` is written twice, the first time in line {first[entry.key].line}; keep one"
            )
        elif not isinstance(entry.value, str):
            place.problem(f'text in quotes is due for `{entry.key[:80]}`, like "Welcome"')
        elif not encodable(entry.key + entry.value):
            place.problem("there is half a character here (an unpaired surrogate); write the character itself")
        elif len(entry.value) > TEXT_CHARS_MAX:
            place.problem(
                f"the text of `{entry.key[:80]}` is too long: at most {TEXT_CHARS_MAX} characters are allowed"
            )
        else:
            first[entry.key] = entry
    return list(first.values())


def _pairs(file: str, content: bytes, problems: list[Problem]) -> list[_Entry]:
    """Keys and values in order, duplicates kept, each with the line of its key."""
    nothing = Place(file, 1, None, problems)
    try:
        text = content.decode("utf-8-sig")
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.append(Problem(file, line, "this is not UTF-8 text; save the file with the encoding UTF-8"))
        return []
    except json.JSONDecodeError as error:
        problems.append(Problem(file, error.lineno, f"this is not valid JSON: {error.msg[0].lower()}{error.msg[1:]}"))
        return []
    except RecursionError:
        nothing.problem("values are nested too deeply")
        return []
    if not isinstance(pairs, _Pairs):
        nothing.problem('a group of texts is due here, like {"campaign.welcome.name": "Welcome"}')
        return []
    found = _key_lines(text)
    return [_Entry(key, value, _take(found, key)) for key, value in pairs]


class _Pairs(list[tuple[str, object]]):
    """A JSON object that keeps duplicate keys."""


def _key_lines(text: str) -> dict[str, list[int]]:
    """The lines in which each key is written, the last one first."""
    found: dict[str, list[int]] = {}
    for match in _STRING.finditer(text):
        if _COLON.match(text, match.end()):
            found.setdefault(json.loads(match.group()), []).insert(0, text.count("\n", 0, match.start()) + 1)
    return found


def _take(found: dict[str, list[int]], key: str) -> int:
    return found[key].pop() if found.get(key) else 1


def needed_texts(campaigns: Mapping[str, ReadCampaign], levels: ReadLevels | None) -> dict[str, Place]:
    """The keys of texts that players may read, with their places: campaigns, levels, and the grants of levels.yaml."""
    homes = {name: entry.named for name, entry in campaigns.items()} | dict(levels.blocks if levels else {})
    needed = {campaign_key(name, field): home for name, home in homes.items() for field in CAMPAIGN_TEXTS}
    return needed | {level_key(name): home for name, home in (levels.levels if levels else {}).items()}


def compare_texts(texts: Texts, lines: Mapping[str, Mapping[str, int]], needed: Mapping[str, Place]) -> list[Problem]:
    """Warnings: keys of `needed` without an English text, missing translations, and unused keys."""
    english = texts.languages.get(SOURCE_LANGUAGE, {})
    source = f"locales/{SOURCE_LANGUAGE}.json"
    warnings = [
        Problem(home.file, home.line, f"there is no English text `{key}`; write it in {source}")
        for key, home in needed.items()
        if key not in english
    ]
    for file, known in lines.items():
        language = file.removeprefix("locales/").removesuffix(".json")
        warnings += _missing(file, texts.languages[language], needed) if language != SOURCE_LANGUAGE else []
        warnings += [
            _unused(file, line, key, needed)
            for key, line in known.items()
            if key not in needed and not key.startswith(NOTICES)
        ]
    return warnings


def _missing(file: str, found: Collection[str], needed: Collection[str]) -> list[Problem]:
    return [
        Problem(file, 1, f"there is no text `{key}`; players read it in English") for key in needed if key not in found
    ]


def _unused(file: str, line: int, key: str, needed: Collection[str]) -> Problem:
    return Problem(
        file, line, f"the text `{key[:80]}` is not used{suggestion(key, tuple(needed))}; no campaign or level has it"
    )
