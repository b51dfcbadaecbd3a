"""Texts of notices as templates: Jinja2's sandbox, in which a text can only name values and choose between words.

Loops, calls and arithmetic are refused: rendering ends at once, and its result is not much longer than the text.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, get_args

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from feeds.notifications.kinds import KINDS, WORDS, Kind

PREFIX: Final = "notice."
DATE: Final = "notice.format.date"
POINT: Final = "notice.format.decimal_point"
FORMATS: Final[Mapping[str, str]] = {DATE: "%Y-%m-%d %H:%M", POINT: "."}
"""Keys of texts that say how dates (as in `strftime`) and decimals are written, and what holds without them."""

DATE_CHARS_MAX: Final = 64
_DATE: Final = re.compile(r"(?:[^%]|%[aAbBdHIjmMpSyYZ%])+")

Part = Literal["subject", "text", "html", "short"]
"""Of a mail: `subject`, `text`, and `html` if it has one. `short`: what other channels send."""
PARTS: Final[tuple[Part, ...]] = get_args(Part)

SAMPLE: Final[Mapping[str, str]] = {
    "player_id": "player-1",
    "unsubscribe_url": "https://casino.example/unsubscribe?player=player-1",
    "level": "Gold",
    "old_level": "Silver",
    "reason": "play",
    "campaign": "Welcome",
    "amount": "10.00 EUR",
    "points": "500",
    "expires": "2026-03-01 12:00",
}
_SAMPLES: Final[tuple[Mapping[str, str], ...]] = ({}, {"reason": "downgrade"}, {"unsubscribe_url": ""})
"""Both ways of the choices that texts make."""

_FILTERS: Final = ("capitalize", "default", "e", "escape", "lower", "title", "trim", "upper")
_POSSIBLE: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Filter,
    nodes.Concat,
)


def _environment(*, html: bool) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=html, keep_trailing_newline=True)
    made.filters = {name: made.filters[name] for name in _FILTERS}
    made.globals = {}
    return made


_PLAIN: Final = _environment(html=False)
_HTML: Final = _environment(html=True)


class TemplateUnsound(Exception):
    """A text can't be used. The message says why, for whoever wrote it."""


def notice_key(kind: Kind, part: Part) -> str:
    """The key of a text."""
    return f"{PREFIX}{kind}.{part}"


def known_keys() -> tuple[str, ...]:
    """All keys that a catalog may have texts for."""
    return (*FORMATS, *(notice_key(kind, part) for kind in KINDS for part in PARTS))


def compiled(key: str, text: str) -> Template:
    """The template. Raises TemplateUnsound."""
    environment = _HTML if key.endswith(".html") else _PLAIN
    try:
        parsed = environment.parse(text)
        _check(parsed)
        return environment.from_string(text)
    except TemplateError as problem:
        raise TemplateUnsound(_words(problem)) from problem


def _format_complaint(key: str, text: str) -> str | None:
    """How numbers and dates are written is no template."""
    if key == POINT:
        return None if len(text) == 1 else "one character is due here, like `,`"
    sound = "%" in text and text.isprintable() and len(text) <= DATE_CHARS_MAX and _DATE.fullmatch(text)
    return None if sound else 'a form of dates is due here, like "%d.%m.%Y %H:%M"'


def _words_of(kind: str) -> frozenset[str]:
    return next((words for name, words in WORDS.items() if name == kind), frozenset())


def _check(node: nodes.Node) -> None:
    if not isinstance(node, _POSSIBLE):
        word = type(node).__name__.lower()
        raise TemplateUnsound(
            f"texts of notices can only name values and choose with if; {word} is not possible"
            f" (line {node.lineno} of the text)"
        )
    for child in node.iter_child_nodes():
        _check(child)


def rendered(template: Template, values: Mapping[str, str]) -> str:
    """The text with its values. Raises TemplateUnsound."""
    try:
        return template.render(values)
    except (TemplateError, TypeError, ValueError) as problem:
        raise TemplateUnsound(_words(problem)) from problem


def complaint(key: str, text: str) -> str | None:
    """What is wrong with a text of a notice, with sample values; None if it is fine."""
    if key in FORMATS:
        return _format_complaint(key, text)
    kind, _, part = key.removeprefix(PREFIX).rpartition(".")
    words = {"player_id", "unsubscribe_url", *_words_of(kind)}
    try:
        template = compiled(key, text)
        for other in _SAMPLES:
            found = rendered(template, {word: {**SAMPLE, **other}[word] for word in words})
            if part == "subject" and any(char in found for char in "\r\n"):
                return "a subject must be one line"
    except TemplateUnsound as problem:
        return f"{problem}; it may name {', '.join(sorted(words))}"
    return None


def _words(problem: Exception) -> str:
    line = getattr(problem, "lineno", None)
    return f"{problem}" if line is None else f"{problem} (line {line} of the text)"
