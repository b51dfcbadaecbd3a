"""What players read: texts of campaigns, names of levels, by language. English is the source (rules §6).

`wanted` finds out which language a reader wants. Every part of the gateway may import this package; it imports none.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

SOURCE_LANGUAGE: Final = "en"


class Texts(msgspec.Struct, frozen=True):
    """`languages`: language → key → text. A language is named like its file: `en`, `de`, `pt-BR`."""

    languages: dict[str, dict[str, str]] = {}

    def lookup(self, language: str, key: str) -> str | None:
        """The text in `language`, or in the wider one (`de` for `de-AT`), else in English; None if there is none.

        Upper and lower case of `language` are the same; `*` means any language and is English.
        """
        for candidate in (*_wider(language), SOURCE_LANGUAGE):
            found = self._named(candidate)
            if found is not None and (text := self.languages[found].get(key)) is not None:
                return text
        return None

    def choose(self, wanted: Sequence[str]) -> str:
        """The first of `wanted` (most wanted first) that there are texts in, itself or a wider one; else English."""
        for language in wanted:
            for candidate in _wider(language):
                if (found := self._named(candidate)) is not None:
                    return found
        return SOURCE_LANGUAGE

    def _named(self, language: str) -> str | None:
        if language in self.languages:
            return language
        folded = language.lower()
        return next((name for name in self.languages if name.lower() == folded), None)


def campaign_key(campaign_id: str, field: str) -> str:
    """The key of a campaign's `name` or `description`."""
    return f"campaign.{campaign_id}.{field}"


def level_key(level_id: str) -> str:
    """The key of a level's name."""
    return f"level.{level_id}.name"


def _wider(language: str) -> list[str]:
    """`zh-Hant-TW`, `zh-Hant`, `zh`: a range is widened from its end (RFC 4647, lookup)."""
    parts = language.split("-")[:8]
    ranges = ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return [wide for wide in ranges if wide and wide != "*"]
