"""The texts of the catalog's `locales`, compiled, and read again when their files change."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Template

from feeds.notifications.settings import MAIL, NoticesSettings
from feeds.notifications.words.templates import (
    FORMATS,
    PREFIX,
    Part,
    TemplateUnsound,
    compiled,
    complaint,
    known_keys,
    notice_key,
)
from feeds.reading import SinkFailed

log = logging.getLogger("croupier.notices")

SOURCE_LANGUAGE: Final = "en"
LOOK_AGAIN_S: Final = 10.0
FILE_BYTES_MAX: Final = 1 << 20
FILES_MAX: Final = 100

_decode = msgspec.json.Decoder(dict[str, str]).decode


class Texts:
    """What was read at one time. `plain`: language → key → text; `templates`: language → key → template."""

    def __init__(self, plain: Mapping[str, Mapping[str, str]]) -> None:
        self._plain = plain
        self._templates = {
            language: {
                key: compiled(key, text) for key, text in texts.items() if key.startswith(PREFIX) and key not in FORMATS
            }
            for language, texts in plain.items()
        }
        self._languages = {language.lower(): language for language in plain}

    def text(self, language: str, key: str, otherwise: str) -> str:
        """The text in the player's language, in a wider one (`de` for `de-AT`), or in English."""
        return next((found for each in self._chain(language) if (found := self._plain[each].get(key))), otherwise)

    def template(self, language: str, key: str) -> Template | None:
        """The template, in the language that `text` would be in."""
        return next((found for each in self._chain(language) if (found := self._templates[each].get(key))), None)

    def language_of(self, language: str, key: str) -> str:
        """The language in which there is such a text: a mail's parts are all of the one that its subject has."""
        return next((each for each in self._chain(language) if self._plain[each].get(key)), SOURCE_LANGUAGE)

    def _chain(self, language: str) -> list[str]:
        parts = language.lower().replace("_", "-").split("-")[:8]
        wider = ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]
        return [self._languages[each] for each in (*wider, SOURCE_LANGUAGE) if each in self._languages]


def parts_of(channel: str) -> tuple[Part, ...]:
    """Which texts a channel can't do without."""
    return ("subject", "text") if channel == MAIL else ("short",)


def read_texts(catalog: Path, settings: NoticesSettings) -> Texts:
    """Reads `locales/*.json`. Raises TemplateUnsound if something is wrong, or the English texts lack a notice's."""
    plain = {path.stem: _file(path) for path in _files(catalog)}
    for kind, of in settings.kinds.items():
        for key in (notice_key(kind, part) for channel in of.channels for part in parts_of(channel)):
            if not plain.get(SOURCE_LANGUAGE, {}).get(key):
                raise TemplateUnsound(f"{catalog}/locales/{SOURCE_LANGUAGE}.json has no text `{key}`")
    return Texts(plain)


def _files(catalog: Path) -> list[Path]:
    return sorted((catalog / "locales").glob("[!.]*.json"))[:FILES_MAX]


def _file(path: Path) -> dict[str, str]:
    """One language. Raises TemplateUnsound with file and key."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise TemplateUnsound(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        found = _decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (OSError, msgspec.DecodeError) as problem:
        raise TemplateUnsound(f"{path} can't be read: {problem}") from problem
    for key in known_keys():
        if (text := found.get(key)) and (wrong := complaint(key, text)):
            raise TemplateUnsound(f"{path}: `{key}`: {wrong}")
    return {key: text for key, text in found.items() if not key.startswith(PREFIX) or key in known_keys()}


class TextsInForce:
    """The texts of a folder; those read last hold on while new ones are wrong."""

    def __init__(self, settings: NoticesSettings) -> None:
        self._settings = settings
        self._catalog = Path(settings.catalog)
        self._looked = time.monotonic()
        self._stamps = self._stamp()
        try:
            self._texts = read_texts(self._catalog, settings)
        except TemplateUnsound as problem:
            raise SinkFailed(f"notices: {problem}") from problem

    def now(self) -> Texts:
        """The texts to use. It looks at the files every ten seconds."""
        if time.monotonic() - self._looked >= LOOK_AGAIN_S:
            self.look()
        return self._texts

    def look(self) -> None:
        """Reads the files again if they have changed."""
        self._looked = time.monotonic()
        stamps = self._stamp()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            self._texts = read_texts(self._catalog, self._settings)
        except TemplateUnsound as problem:
            log.error("notices: the texts read before stay in use: %s", problem)
        else:
            log.info("notices: texts were read again")

    def _stamp(self) -> tuple[tuple[str, int, int], ...]:
        try:
            return tuple((path.name, (of := path.stat()).st_mtime_ns, of.st_size) for path in _files(self._catalog))
        except OSError:
            return ()
