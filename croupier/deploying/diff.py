"""What a new catalog changes, for the person who deploys it: paths and values as they are written in the files."""

from collections.abc import Iterator
from typing import Any, Final, TypedDict

import msgspec

from engine.amounts import MICRO
from engine.catalog import Campaign, Catalog, Level, LoyaltyRules
from gateway.documents.values import rfc3339
from gateway.texts import Texts

CHANGES_MAX: Final = 200
VALUE_CHARS_MAX: Final = 200
_GROUPS: Final = ("campaigns", "games", "workflows", "currencies", "levels")
"""Parts of a catalog whose members are added and removed by name."""


class Change(TypedDict("_From", {"from": str | None})):
    """A field whose value changed; None: it isn't there."""

    path: str
    to: str | None


class Diff(TypedDict):
    """Names of what was added and removed, and changed fields; `left_off` counts the differences that are too many to
    list.
    """

    added: list[str]
    removed: list[str]
    changed: list[Change]
    left_off: int


def diff(old: Catalog, new: Catalog, old_texts: Texts | None = None, new_texts: Texts | None = None) -> Diff:
    """What `new` adds to `old`, what it removes and what it changes; at most CHANGES_MAX of each."""
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
    del tree["version"], tree["loyalty"]
    tree |= _loyalty(catalog.loyalty) if catalog.loyalty else {"levels": {}}
    tree["locales"] = dict((texts or Texts()).languages)
    return tree


def _loyalty(rules: LoyaltyRules) -> dict[str, Any]:
    """The blocks of levels.yaml. `per_eur` is shown for each type of game, with the multiplier applied."""
    tree: dict[str, Any] = {
        "levels": {level.level_id: _level(level) for level in rules.levels},
        "points": {
            "per_eur": {f"{kind}_micro": factor for kind, factor in rules.points.factors.items()},
            "expire_after_inactive_months": rules.points.expire_after_months,
        },
        "downgrade": msgspec.to_builtins(rules.downgrade),
    }
    if rules.redemption:
        tree["redemption"] = _granting(rules.redemption, rules.redemption.campaign)
    if rules.cashback:
        tree["cashback"] = _granting(rules.cashback, rules.cashback.campaign)
    return tree


def _level(level: Level) -> dict[str, Any]:
    return {"threshold_micro": level.threshold_micro} | msgspec.structs.asdict(level.privileges)


def _granting(block: msgspec.Struct, campaign: Campaign) -> dict[str, Any]:
    """A block of levels.yaml with those terms of its campaign that stand in the block."""
    tree: dict[str, Any] = msgspec.to_builtins(block)
    del tree["campaign"]
    if campaign.wager:
        tree |= {"wager_multiplier_micro": campaign.wager.multiplier_micro, "valid_days": campaign.wager.valid_days}
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
    """The path of a field in the files, and how its value is written there: as a decimal, a moment, or hours."""
    for suffix, instead, render in (
        ("after_ms", "hours", _hours),
        ("lock_ms", "lock_hours", _hours),
        ("threshold_micro", "threshold_eur", _decimal),
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
    return rfc3339(value).replace(".000Z", "Z")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
