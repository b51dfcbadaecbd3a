"""The catalog's texts, compiled, and read again when they change."""

import asyncio
import logging
from typing import Final

from jinja2 import Template

from feeds.notifications.settings import MAIL, NoticesSettings
from feeds.notifications.words.sources import Plain, Source, source_of
from feeds.notifications.words.templates import (
    FORMATS,
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


class Texts:
    """What was read at one time. `plain`: language → key → text; `templates`: language → key → template."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain
        self._templates = {
            language: {
                key: compiled(key, text) for key, text in texts.items() if key in known_keys() and key not in FORMATS
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


def checked_texts(plain: Plain, settings: NoticesSettings) -> Texts:
    """Raises TemplateUnsound if a text of a notice is wrong, or English lacks one that the settings need."""
    for language, texts in plain.items():
        for key in known_keys():
            if (text := texts.get(key)) and (wrong := complaint(key, text)):
                raise TemplateUnsound(f"locales/{language}.json: `{key}`: {wrong}")
    english = plain.get(SOURCE_LANGUAGE, {})
    for kind, of in settings.kinds.items():
        for key in (notice_key(kind, part) for channel in of.channels for part in parts_of(channel)):
            if not english.get(key):
                raise TemplateUnsound(f"locales/{SOURCE_LANGUAGE}.json has no text `{key}`")
    return Texts(plain)


class TextsInForce:
    """Texts that are read again when they change; those read last hold on while new ones are wrong."""

    def __init__(self, settings: NoticesSettings) -> None:
        self._settings = settings
        self._source: Source | None = None
        self._stamp: object = None
        self._texts = Texts({})

    @property
    def now(self) -> Texts:
        """The texts to use."""
        return self._texts

    async def open(self) -> None:
        """Reads them for the first time. Raises SinkFailed."""
        try:
            self._source = source_of(self._settings)
            self._stamp = await self._source.stamp()
            self._texts = checked_texts(await self._source.read(), self._settings)
        except TemplateUnsound as problem:
            raise SinkFailed(f"notices: {problem}") from problem

    async def close(self) -> None:
        """Lets go of the source."""
        if self._source is not None:
            await self._source.close()

    async def look_often(self) -> None:
        """Reads them again when they have changed, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            await self._look()

    async def _look(self) -> None:
        if self._source is None:
            return
        try:
            stamp = await self._source.stamp()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._texts = checked_texts(await self._source.read(), self._settings)
        except TemplateUnsound as problem:
            log.error("notices: the texts read before stay in use: %s", problem)
        else:
            log.info("notices: texts were read again")
