"""Texts to and from a translation service: English goes out, translations come in.

English is the source and belongs to the catalog; every other language belongs to the translators. A service is one
small class around its vendor's own SDK (`texts_lokalise`, `texts_crowdin`), imported only when it is used.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.request import urlopen

from croupier.catalog_problems import CatalogInvalid
from croupier.catalog_texts import LANGUAGE, read_locales
from croupier.catalog_yaml import Problem
from gateway.texts import SOURCE_LANGUAGE

DOWNLOAD_BYTES_MAX: Final = 32 << 20
TIMEOUT_S: Final = 60

Translations = dict[str, dict[str, str]]


class TextsFailed(Exception):
    """One sentence for whoever typed the command: what is missing, or what the service said."""


class Access(NamedTuple):
    """How a project of a service is reached. `api_url` None: the vendor's own."""

    token: str
    project: str
    api_url: str | None = None


class TranslationService(Protocol):
    """A translation service. Both raise TextsFailed."""

    def push(self, source: Path) -> None:
        """Sends the English file."""

    def pull(self) -> Translations:
        """All translations by language, English left out or not; texts nobody has translated may be empty."""


def open_service(
    name: str, environment: Mapping[str, str], project: str | None, api_url: str | None
) -> TranslationService:
    """The service `name`, `lokalise` or `crowdin`. Raises TextsFailed for a missing token, project or package."""
    prefix = name.upper()
    token = environment.get(f"{prefix}_API_TOKEN", "")
    project = project or environment.get(f"{prefix}_PROJECT_ID", "")
    if not token:
        raise TextsFailed(f"set {prefix}_API_TOKEN to a token of the service")
    if not project:
        raise TextsFailed(f"say which project: --project ID, or {prefix}_PROJECT_ID")
    try:
        return _maker(name)(Access(token, project, api_url or environment.get(f"{prefix}_API_URL")))
    except ModuleNotFoundError as missing:
        raise TextsFailed(
            f"the package of {name} is not installed ({missing.name}): pip install 'croupier[texts]'"
        ) from missing


def _maker(name: str) -> Callable[[Access], TranslationService]:
    if name == "lokalise":
        from croupier.texts_lokalise import Lokalise

        return Lokalise
    from croupier.texts_crowdin import Crowdin

    return Crowdin


def push_texts(folder: Path, service: TranslationService) -> int:
    """Sends `locales/en.json` and answers how many texts it has. Raises CatalogInvalid and TextsFailed."""
    english = _local(folder).get(SOURCE_LANGUAGE)
    if english is None:
        raise CatalogInvalid([Problem(f"locales/{SOURCE_LANGUAGE}.json", 1, "this file is missing")])
    service.push(folder / "locales" / f"{SOURCE_LANGUAGE}.json")
    return len(english)


def pull_texts(folder: Path, service: TranslationService) -> dict[str, int]:
    """Writes the translations that came; answers how many texts changed, by language.

    What the service has wins, what it lacks stays, and keys that English doesn't have are left out. English itself is
    never written. Raises CatalogInvalid and TextsFailed; then nothing was written.
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
    """Our name of a service's language: `pt_BR` is pt-BR; `sv-SE` is sv if that is what we have."""
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
    """Replaces the file at once: whoever follows the folder never sees half of it."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_text(json.dumps(texts, indent=2, ensure_ascii=False) + "\n")
    unfinished.replace(path)


def download(url: str) -> bytes:
    """What lies at an address a service has given. Raises TextsFailed."""
    if not url.startswith(("https://", "http://")):
        raise TextsFailed("the service gave an address that is not http or https")
    try:
        with urlopen(url, timeout=TIMEOUT_S) as response:
            content: bytes = response.read(DOWNLOAD_BYTES_MAX + 1)
    except OSError as failure:
        raise TextsFailed(f"the texts could not be downloaded: {failure}") from failure
    if len(content) > DOWNLOAD_BYTES_MAX:
        raise TextsFailed(f"the service sent more than {DOWNLOAD_BYTES_MAX} bytes of texts")
    return content


def parse_texts(name: str, content: bytes) -> dict[str, str]:
    """A flat JSON object of texts; a null is a text nobody has written. Raises TextsFailed."""
    try:
        found = json.loads(content)
    except ValueError as error:
        raise TextsFailed(f"the service sent {name}, which is not JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(text, str | None) for text in found.values()):
        raise TextsFailed(f"the service sent {name}, which is not a flat object of texts")
    return {key: text or "" for key, text in found.items()}
