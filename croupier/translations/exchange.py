"""Texts to and from a translation service: English goes out, translations come in.

English is the source and belongs to the catalog; every other language belongs to the translators. A service is one
small class around its vendor's own SDK (`lokalise`, `crowdin`), imported only when it is used.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from croupier.catalog.places import Problem
from croupier.catalog.problems import CatalogInvalid
from croupier.catalog.readers.locales import LANGUAGE, read_locales
from croupier.translations.service import TextsFailed, Translations, TranslationService
from gateway.texts import SOURCE_LANGUAGE


def push_texts(folder: Path, service: TranslationService) -> int:
    """Sends `locales/en.json` and answers how many texts it has. Raises CatalogInvalid and TextsFailed."""
    english = _local(folder).get(SOURCE_LANGUAGE)
    if english is None:
        raise CatalogInvalid([Problem(f"locales/{SOURCE_LANGUAGE}.json", 1, "this file is missing")])
    service.push(folder / "locales" / f"{SOURCE_LANGUAGE}.json")
    return len(english)


def pull_texts(folder: Path, service: TranslationService) -> dict[str, int]:
    """Writes the translations that came; answers how many texts changed, by language.

    A translation of the service replaces ours; where the service has none, ours stays. Keys that English lacks are
    dropped. English itself is never written. Raises CatalogInvalid and TextsFailed; then nothing was written.
    """
    local = _local(folder)
    english = local.get(SOURCE_LANGUAGE, {})
    pulled = {_home(language, local): texts for language, texts in service.pull().items()}
    pulled.pop(SOURCE_LANGUAGE, None)
    changed = {}
    for language, texts in sorted(pulled.items()):
        before = local.get(language, {})
        after = {key: found for key in english if (found := texts.get(key) or before.get(key))}
        changed[language] = sum(before.get(key) != after.get(key) for key in english)
        if after != before:
            _write(folder / "locales" / f"{language}.json", after)
    return changed


def _home(language: str, local: Mapping[str, object]) -> str:
    """Our name of a service's language: `pt_BR` is pt-BR; `sv-SE` is sv if our file is called so."""
    name = language.replace("_", "-")
    if not LANGUAGE.fullmatch(name):
        raise TextsFailed(f"the service names a language {language[:40]!r}, which is no language tag")
    return name if name in local or name.partition("-")[0] not in local else name.partition("-")[0]


def _local(folder: Path) -> Translations:
    problems: list[Problem] = []
    paths = sorted((folder / "locales").glob("*.json"))
    texts, _ = read_locales({f"locales/{path.name}": path.read_bytes() for path in paths}, problems)
    if problems:
        raise CatalogInvalid(problems)
    return texts.languages


def _write(path: Path, texts: Mapping[str, str]) -> None:
    """Replaces the file in one step, so that a watcher of the folder never sees half of it."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_text(json.dumps(texts, indent=2, ensure_ascii=False) + "\n")
    unfinished.replace(path)
