"""The timeline: entries newest first, each with the balances after it, folded back from a balance that is known."""

from collections.abc import Sequence
from typing import Final

import msgspec

from engine.transition import Transition
from feeds.explaining.amounts import Purse, micro, rfc3339
from feeds.explaining.cursors import Place
from feeds.explaining.line import Line
from feeds.explaining.movements import Movement, moved_in
from feeds.explaining.reading import PlayerEntries
from feeds.explaining.rules import Rule
from feeds.explaining.words import said
from snapshots.codec import decode_entry

READ_MAX: Final = 20_000
"""Entries that one request goes through to reach the ones that were asked for."""
AT_ONCE: Final = 1_000
LIMIT_MAX: Final = 200


class Amounts(msgspec.Struct, frozen=True):
    """Minor units; `points` are available points as a decimal string."""

    real: int
    bonus: int
    points: str


class RuleNamed(msgspec.Struct, frozen=True):
    """A paragraph of docs/rules.md: its section, and the words that it begins with."""

    section: str
    paragraph: str


class LineShown(msgspec.Struct, frozen=True):
    """One thing that happened. `event` is its name in the journal. `instead`: see `Line`."""

    event: str
    text: str
    rules: Sequence[RuleNamed]
    moved: Amounts
    instead: str | None = None


class EntryShown(msgspec.Struct, frozen=True):
    """One entry of the journal: what one request did, or work that was due."""

    version: int
    time: str
    request_id: str
    lines: Sequence[LineShown]
    moved: Amounts
    after: Amounts


class Timeline(msgspec.Struct, frozen=True):
    """A page. `complete`: with all pages, nothing is missing; else `note` says what."""

    player_id: str
    currency: str
    exponent: int
    entries: Sequence[EntryShown]
    cursor: str | None
    complete: bool
    note: str = ""


class Period(msgspec.Struct, frozen=True):
    """Unix ms, `from_ms` ≤ t < `to_ms`; None: open."""

    from_ms: int | None = None
    to_ms: int | None = None


class Page(msgspec.Struct, frozen=True):
    """What was found: the entries with the balances after each, and where the next page begins (None: nowhere).

    `missing`: entries from this version down are neither in the journal nor in the archive; 0 if none is missing.
    """

    entries: Sequence[tuple[Transition, Movement]]
    next: Place | None
    missing: int = 0


async def page(entries: PlayerEntries, start: Place, period: Period, limit: int) -> Page:
    """At most `limit` entries of the period from `start` on. Raises StoreError."""
    shown: list[tuple[Transition, Movement]] = []
    version, after, day = start.version, start.after, start.day
    read = 0
    while version and read < READ_MAX and len(shown) < limit:
        wanted = limit - len(shown) if period.to_ms is None or shown else AT_ONCE
        found = await entries.down_from(version, min(wanted, READ_MAX - read), day)
        for entry in map(decode_entry, found.entries):
            if period.from_ms is not None and entry.time_ms < period.from_ms:
                return Page(shown, None)
            if len(shown) == limit:
                return Page(shown, Place(start.player_id, version, after, day))
            if period.to_ms is None or entry.time_ms < period.to_ms:
                shown.append((entry, after))
            after, version, read = after.less(moved_in(entry)), version - 1, read + 1
        day = found.day or day
        if found.ended and version:
            return Page(shown, None, version)
        if not found.entries:
            break
    return Page(shown, Place(start.player_id, version, after, day) if version else None)


def entry_shown(entry: Transition, after: Movement, purse: Purse) -> EntryShown:
    """The entry in words."""
    lines = [line_shown(type(event).__name__, said(event, purse)) for event in entry.events]
    return EntryShown(
        version=entry.version,
        time=rfc3339(entry.time_ms),
        request_id=entry.command_id.partition(":")[2],
        lines=lines,
        moved=amounts(moved_in(entry)),
        after=amounts(after),
    )


def line_shown(event: str, line: Line) -> LineShown:
    """A line as it is answered."""
    return LineShown(event, line.text, [rule_named(rule) for rule in line.rules], amounts(line.moved), line.instead)


def rule_named(rule: Rule) -> RuleNamed:
    """A rule as it is answered."""
    return RuleNamed(f"§{rule.section}", rule.begins.replace("*", "").replace("`", ""))


def amounts(movement: Movement) -> Amounts:
    """A movement, or balances, as they are answered."""
    return Amounts(movement.real, movement.bonus, micro(movement.points))
