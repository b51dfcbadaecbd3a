"""What makes a campaign's award: the trigger and its condition (rules §6)."""

import re
from typing import Final, cast, get_args

from croupier.catalog.places import Place, Section
from croupier.catalog.readers.values import NO_LEVELS, Vocabulary, eur_micro, known_level
from engine import identifiers
from engine.catalog import CampaignType, TriggerCondition, TriggerEvent, ascii_upper

TRIGGERS: Final[tuple[TriggerEvent, ...]] = tuple(
    event for event in get_args(TriggerEvent) if event not in ("none", "redemption", "cashback")
)
DEPOSIT_TRIGGERS: Final[tuple[TriggerEvent, ...]] = ("first_deposit", "deposit", "deposit_total_reached")
"""Triggers that a deposit of a known amount fires, so that a bonus can match the deposit."""
_DEPOSITS_ALONE: Final[tuple[TriggerEvent, ...]] = ("first_deposit", "deposit")
EVENT_NAME: Final = re.compile(identifiers.EVENT_NAME)
CODE: Final = re.compile(r"[A-Za-z0-9_-]{3,32}")
NTH_MAX: Final = 10_000
SILENCE_DAYS_MAX: Final = 3650

CONDITIONS: Final[dict[str, tuple[str, ...]]] = {
    "nth": ("deposit",),
    "name": ("custom_event",),
    "eur": ("turnover_reached", "deposit_total_reached"),
    "to": ("level_up",),
    "days": ("inactive",),
    "code": ("code",),
}
"""Fields that say more about a trigger, and the triggers that each belongs to."""
OPTIONAL_CONDITIONS: Final = frozenset({"nth", "to"})


def read_trigger(fields: Section, kind: CampaignType, words: Vocabulary) -> tuple[TriggerEvent, TriggerCondition]:
    """The `trigger` block. A points multiplier has none, because it holds without a trigger."""
    if kind == "points_multiplier":
        if place := fields.get("trigger"):
            place.problem("points_multiplier has no trigger: it holds from valid_from to valid_to; remove this field")
        return "none", TriggerCondition()
    place = fields.need("trigger")
    found = place.section(("event", *CONDITIONS))
    named = found.need("event")
    event = cast(TriggerEvent, named.choice(TRIGGERS))
    if event == "level_up" and words.levels is None:
        named.problem(f"{NO_LEVELS}: nobody would ever climb")
    if event:
        _note_strangers(found, event)
        _check_pair(place, kind, event)
    return event, _condition(found, event, words)


def _note_strangers(found: Section, event: TriggerEvent) -> None:
    for name, events in CONDITIONS.items():
        if event not in events and (stranger := found.get(name)):
            stranger.problem(f"`{name}` goes with the trigger `{'` or `'.join(events)}`, not with `{event}`")


def _check_pair(place: Place, kind: CampaignType, event: TriggerEvent) -> None:
    """Notes pairs of type and trigger that make no sense together."""
    if kind == "deposit_match" and event not in DEPOSIT_TRIGGERS:
        place.problem(f"deposit_match goes with a deposit trigger; use `{'` or `'.join(DEPOSIT_TRIGGERS)}`")
    if kind == "no_deposit" and event in _DEPOSITS_ALONE:
        place.problem("no_deposit does not go with a deposit trigger; use the type `deposit_match`, or another trigger")


def _condition(found: Section, event: TriggerEvent, words: Vocabulary) -> TriggerCondition:
    def place(name: str) -> Place | None:
        if event not in CONDITIONS[name]:
            return None
        return found.get(name) if name in OPTIONAL_CONDITIONS else found.need(name)

    nth, name, eur, to, days, code = (place(field) for field in CONDITIONS)
    return TriggerCondition(
        nth=nth.integer(1, NTH_MAX) if nth else None,
        name=name.matching(EVENT_NAME, "an event name: 1 to 64 visible ASCII characters") if name else None,
        eur_micro=eur_micro(eur) if eur else None,
        to=_climbed(to, words) if to else None,
        days=days.integer(1, SILENCE_DAYS_MAX) if days else None,
        code=ascii_upper(code.matching(CODE, "a bonus code: use letters, digits, - and _, 3 to 32")) if code else None,
    )


def _climbed(place: Place, words: Vocabulary) -> str:
    """A level that players can climb to: any except the first one."""
    level = known_level(place, words)
    if words.levels and level == words.levels[0]:
        place.problem(f"nobody climbs to `{level}`: everybody begins there; name a higher level")
    return level
