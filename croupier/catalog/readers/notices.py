"""Texts of notices to players in `locales/<lang>.json`: templates, which the check renders with sample values."""

from collections.abc import Mapping

from croupier.catalog.places import Problem, suggestion
from croupier.catalog.readers.locales import NOTICES
from feeds.notifications.words.templates import complaint, known_keys
from gateway.texts import SOURCE_LANGUAGE, Texts


def check_notices(texts: Texts, lines: Mapping[str, Mapping[str, int]], problems: list[Problem]) -> None:
    """Notes every text of a notice, in every language, that can't be rendered, or that no notice has."""
    known = known_keys()
    for file, found in lines.items():
        language = texts.languages[_language(file)]
        for key, line in found.items():
            if not is_notice(key):
                continue
            if key not in known:
                reason = f"there is no text `{key[:80]}` of a notice{suggestion(key, known)}"
                problems.append(Problem(file, line, reason))
            elif (wrong := complaint(key, language.get(key, ""))) is not None:
                problems.append(Problem(file, line, f"`{key}`: {wrong}"))


def missing_notices(texts: Texts, lines: Mapping[str, Mapping[str, int]]) -> list[Problem]:
    """Warnings: texts of notices that English has and another language lacks, or the other way round."""
    english = {key for key in texts.languages.get(SOURCE_LANGUAGE, {}) if is_notice(key)}
    warnings = []
    for file, found in lines.items():
        language = texts.languages[_language(file)]
        mine = {key: line for key, line in found.items() if is_notice(key) and key in language}
        for key in sorted(english - mine.keys()):
            warnings.append(Problem(file, 1, f"there is no text `{key}`; players read it in English"))
        for key in sorted(mine.keys() - english):
            warnings.append(Problem(file, mine[key], f"English has no text `{key}`; a pull would drop this one"))
    return warnings


def is_notice(key: str) -> bool:
    """Whether a text is one of a notice."""
    return key.startswith(NOTICES)


def _language(file: str) -> str:
    return file.removeprefix("locales/").removesuffix(".json")
