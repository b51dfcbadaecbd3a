"""What a new catalog changes, for the person who deploys it: paths and values as they are written in the files."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, TypedDict

import msgspec

from engine.amounts import MICRO
from engine.catalog import Catalog
from gateway.texts import Texts

CHANGES_MAX: Final = 200
VALUE_CHARS_MAX: Final = 200
_GROUPS: Final = ("campaigns", "games", "workflows", "currencies")
"""What is added and removed by name."""


class Change(TypedDict("_From", {"from": str | None})):
    """A field with another value; None: it isn't there."""

    path: str
    to: str | None


class Diff(TypedDict):
    """Names of what was added and removed, and changed fields; `left_off` counts what is too much to list."""

    added: list[str]
    removed: list[str]
    changed: list[Change]
    left_off: int


def diff(old: Catalog, new: Catalog, old_texts: Texts | None = None, new_texts: Texts | None = None) -> Diff:
    """What `new` has, lacks and says differently than `old`; at most CHANGES_MAX of each."""
    before, after = _tree(old, old_texts), _tree(new, new_texts)
    added: list[str] = []
    removed: list[str] = []
    for group in (*_GROUPS, "locales"):
        one, other = before[group], after[group]
        added += [f"{group}.{name}" for name in sorted(other.keys() - one.keys())]
        removed += [f"{group}.{name}" for name in sorted(one.keys() - other.keys())]
        before[group], after[group] = (
            {name: tree[name] for name in one.keys() & other.keys()} for tree in (one, other)
        )
    changed = [_change(*each) for each in _differences("", before, after)]
    left_off = sum(max(0, len(found) - CHANGES_MAX) for found in (added, removed, changed))
    return Diff(
        added=added[:CHANGES_MAX], removed=removed[:CHANGES_MAX], changed=changed[:CHANGES_MAX], left_off=left_off
    )


def _tree(catalog: Catalog, texts: Texts | None) -> dict[str, Any]:
    tree: dict[str, Any] = msgspec.to_builtins(catalog)
    del tree["version"]
    tree["locales"] = dict((texts or Texts()).languages)
    return tree


def _differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(f"{path}.{name}" if path else name, old.get(name), new.get(name))
    elif isinstance(old, dict | None) and isinstance(new, dict | None):
        yield from _differences(path, old or {}, new or {}) if old or new else ()
    elif old != new:
        yield path, old, new


def _change(path: str, old: Any, new: Any) -> Change:
    numbers = all(value is None or type(value) is int for value in (old, new))
    shown, render = _as_written(path) if numbers else (path, _plain)
    return Change({"path": shown, "from": _short(render, old), "to": _short(render, new)})


def _as_written(path: str) -> tuple[str, Any]:
    """The path as the files have it, and how its value is written there: decimals, moments, hours."""
    for suffix, instead, render in (
        ("after_ms", "hours", _hours),
        ("budget_micro_eur", "budget_eur", _decimal),
        ("micro_eur", "eur", _decimal),
        ("_micro", "", _decimal),
        ("_ms", "", _moment),
    ):
        if path.endswith(suffix):
            return path.removesuffix(suffix) + instead, render
    return path, _plain


def _short(render: Any, value: Any) -> str | None:
    if value is None:
        return None
    text: str = render(value)
    return text if len(text) <= VALUE_CHARS_MAX else text[: VALUE_CHARS_MAX - 1] + "…"


def _decimal(value: int) -> str:
    whole, fraction = divmod(value, MICRO)
    return f"{whole}.{fraction:06}".rstrip("0").rstrip(".")


def _hours(value: int) -> str:
    return str(value // 3_600_000)


def _moment(value: int) -> str:
    return datetime.fromtimestamp(value / 1000, UTC).isoformat().replace("+00:00", "Z")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
