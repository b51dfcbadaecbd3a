"""YAML read as the type of a setting: every mistake is noted where it stands, in the words of whoever wrote the file.

The types are those of the settings structs, so a field and its limits are declared once. A secret is never shown, also
if it was written where only the place of a secret may be.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import yaml
from msgspec import inspect

from croupier.catalog.places import Place
from feeds.credentials import Credential

WRONG: Final = object()
"""Instead of a value that could not be read; the problem has been noted."""
_INTEGER_MAX: Final = 2**53
_ITEMS_MAX: Final = 1_000
"""Of a list or group whose type gives no limit."""
_ENVIRONMENT_NAME: Final = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_NUMBER: Final = re.compile(r"^-?[0-9]{1,15}(\.[0-9]{1,9})?$")
_WRITTEN_OUT: Final = "a secret is never written here; write where it is, like {env: NAME} or {file: PATH}"


class TypedReader:
    """Reads values of one file. `secrets`: every credential that was read, and where it stands."""

    def __init__(self) -> None:
        self.secrets: list[tuple[Place, Credential]] = []
        self._readers: dict[type, Callable[[Place, Any], Any]] = {
            inspect.BoolType: lambda place, _: _unless_noted(place, place.boolean),
            inspect.IntType: _integer,
            inspect.FloatType: _number,
            inspect.StrType: lambda place, kind: _text(place, kind, None),
            inspect.LiteralType: lambda place, kind: _unless_noted(place, lambda: place.choice(kind.values)),
            inspect.Metadata: self._described,
            inspect.UnionType: self._optional,
            inspect.StructType: self._struct,
            inspect.VarTupleType: self._list,
            inspect.ListType: self._list,
            inspect.DictType: self._group,
        }

    def read(self, place: Place, kind: inspect.Type) -> Any:
        """The value as that type, or WRONG after a problem."""
        return self._readers[type(kind)](place, kind)

    def _described(self, place: Place, kind: inspect.Metadata) -> Any:
        if isinstance(kind.type, inspect.StrType):
            return _text(place, kind.type, (kind.extra_json_schema or {}).get("description"))
        return self.read(place, kind.type)

    def _optional(self, place: Place, kind: inspect.UnionType) -> Any:
        if isinstance(place.node, yaml.ScalarNode) and place.node.tag == "tag:yaml.org,2002:null":
            return None
        present = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
        return self.read(place, present[0])

    def _struct(self, place: Place, kind: inspect.StructType) -> Any:
        if kind.cls is Credential and not place.is_group:
            place.problem(_WRITTEN_OUT)
            return WRONG
        noted = len(place.problems)
        section = place.section([field.encode_name for field in kind.fields])
        values: dict[str, Any] = {}
        for field in kind.fields:
            if field.required:
                section.need(field.encode_name)
            if (found := section.get(field.encode_name)) is not None:
                values[field.name] = self.read(found, field.type)
        if not section.sound or len(place.problems) > noted:
            return WRONG
        return self._made(place, section.fields, kind, values)

    def _made(self, place: Place, fields: dict[str, Place], kind: inspect.StructType, values: dict[str, Any]) -> Any:
        """The struct. What it refuses is noted at the field that its message begins with."""
        try:
            made = kind.cls(**values)
        except ValueError as refusal:
            first = str(refusal).partition(" ")[0].rstrip(":")
            fields.get(first, place).problem(str(refusal))
            return WRONG
        if isinstance(made, Credential):
            return self._secret(fields, place, made)
        return made

    def _secret(self, fields: dict[str, Place], place: Place, made: Credential) -> Any:
        if made.env is not None and not _ENVIRONMENT_NAME.match(made.env):
            fields["env"].problem("this is not the name of an environment variable; write its name, not the secret")
            return WRONG
        self.secrets.append((place, made))
        return made

    def _list(self, place: Place, kind: inspect.VarTupleType | inspect.ListType) -> Any:
        noted = len(place.problems)
        items = place.items()
        if len(place.problems) == noted and _counted(place, len(items), kind.min_length, kind.max_length):
            values = [self.read(item, kind.item_type) for item in items]
            return WRONG if WRONG in values else tuple(values)
        return WRONG

    def _group(self, place: Place, kind: inspect.DictType) -> Any:
        noted = len(place.problems)
        pairs = place.pairs()
        if len(place.problems) > noted or not _counted(place, len(pairs), kind.min_length, kind.max_length):
            return WRONG
        values = {self.read(name, kind.key_type): self.read(value, kind.value_type) for name, value in pairs}
        return WRONG if len(place.problems) > noted else values


def _unless_noted(place: Place, read: Callable[[], Any]) -> Any:
    noted = len(place.problems)
    value = read()
    return WRONG if len(place.problems) > noted else value


def _integer(place: Place, kind: inspect.IntType) -> Any:
    low = -_INTEGER_MAX if kind.ge is None else kind.ge
    high = _INTEGER_MAX if kind.le is None else kind.le
    return _unless_noted(place, lambda: place.integer(low, high))


def _number(place: Place, kind: inspect.FloatType) -> Any:
    """A number with or without decimals, like 2.5."""
    node = place.node
    plain = isinstance(node, yaml.ScalarNode) and node.tag.endswith((":int", ":float"))
    if not plain or not _NUMBER.match(str(node.value)):  # type: ignore[union-attr]  # plain: a scalar
        place.problem("a number is due here, like 2.5, without quotes")
        return WRONG
    number = float(node.value)  # type: ignore[union-attr]
    bounds = _bounds(kind)
    if all(holds(number) for _, holds in bounds):
        return number
    place.problem(f"{number:g} is not {' and '.join(words for words, _ in bounds)}")
    return WRONG


def _bounds(kind: inspect.FloatType) -> Sequence[tuple[str, Callable[[float], bool]]]:
    """What a number must be, in words, and whether it is."""
    known = {
        "above": (kind.gt, lambda number, bound: number > bound),
        "at least": (kind.ge, lambda number, bound: number >= bound),
        "below": (kind.lt, lambda number, bound: number < bound),
        "at most": (kind.le, lambda number, bound: number <= bound),
    }
    return [
        (f"{words} {bound:g}", lambda number, bound=bound, holds=holds: holds(number, bound))  # type: ignore[misc]
        for words, (bound, holds) in known.items()
        if bound is not None
    ]


def _text(place: Place, kind: inspect.StrType, what: str | None) -> Any:
    text = _unless_noted(place, place.text)
    if text is WRONG:
        return WRONG
    if kind.max_length is not None and len(text) > kind.max_length:
        place.problem(f"this is longer than {kind.max_length} characters")
        return WRONG
    if kind.pattern is not None and not re.search(kind.pattern, text):
        place.problem(f"`{text[:80]}` is not {what or f'of the form {kind.pattern}'}")
        return WRONG
    return text


def _counted(place: Place, count: int, low: int | None, high: int | None) -> bool:
    """Whether a list or group may have so many members."""
    if count < (low or 0):
        place.problem(f"at least {low} is due here")
    elif count > (_ITEMS_MAX if high is None else high):
        place.problem(f"{count} are too many; at most {_ITEMS_MAX if high is None else high} are possible")
    else:
        return True
    return False
