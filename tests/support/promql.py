"""The metrics and labels that a PromQL expression names. What it reads is known to parse: promtool has looked at it."""

import re
from typing import NamedTuple

KEYWORDS = {"or", "and", "unless", "offset", "bool", "by", "on", "without", "ignoring", "group_left", "group_right"}
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_RANGE = re.compile(r"\[[^\]]*\]")
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_NAME = re.compile(r"(?<![\w.:])([a-zA-Z_][\w:]*)\s*(?:\{([^}]*)\})?(?!\s*\()(?![\w:])")


class Named(NamedTuple):
    """`matched`: labels by the metric that they select of; `grouped`: labels that series are added up by."""

    metrics: frozenset[str]
    matched: frozenset[tuple[str, str]]
    grouped: frozenset[str]


def named(expr: str) -> Named:
    """What the expression names."""
    bare = _RANGE.sub("", _STRING.sub('""', expr))
    grouped = frozenset(label for group in _GROUPING.findall(bare) for label in re.findall(r"\w+", group))
    bare = _GROUPING.sub(" ", bare)
    found = [(name, inside) for name, inside in _NAME.findall(bare) if name not in KEYWORDS]
    matched = frozenset((name, label) for name, inside in found for label in re.findall(r"(\w+)\s*[=!]", inside))
    return Named(frozenset(name for name, _ in found), matched, grouped)
