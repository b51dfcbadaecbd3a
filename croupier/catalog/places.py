"""YAML read with its places: every value knows its file and line, and every problem is collected, never raised.

A reader that meets a problem notes it and answers a harmless value, so that one pass finds all problems of a catalog.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import NamedTuple

import yaml

from engine.amounts import MICRO, micro
from engine.calendar import LATEST, LATEST_MS
from feeds.shallow_yaml import NestedTooDeeply, ShallowLoader

_INTEGER = re.compile(r"^-?(?:0|[1-9][0-9]{0,17})$")
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|z|[+-]\d\d:\d\d)$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STR, _INT, _FLOAT, _BOOL, _NULL = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null"))


class Problem(NamedTuple):
    """What is wrong, and where: `file` relative to the catalog folder, `line` from 1."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a file. `node` is None if there is no value and that has been noted already."""

    file: str
    line: int
    node: yaml.Node | None
    problems: list[Problem]

    def problem(self, reason: str) -> None:
        """Notes a problem with this value."""
        self.problems.append(Problem(self.file, self.line, reason))

    def at(self, node: yaml.Node) -> "Place":
        """Another value of the same file."""
        return Place(self.file, node.start_mark.line + 1, node, self.problems)

    @property
    def is_group(self) -> bool:
        """Whether this is a group of fields."""
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_empty_list(self) -> bool:
        """Whether this is a list without a member."""
        return isinstance(self.node, yaml.SequenceNode) and not self.node.value

    def find(self, *names: str) -> "Place":
        """The value under these names, each below the one before, or the last value on the way to it. Notes nothing."""
        found = self
        for name in names:
            values = found.node.value if isinstance(found.node, yaml.MappingNode) else []
            inside = [value for key, value in values if key.value == name]
            if not inside:
                return found
            found = self.at(inside[0])
        return found

    def text(self) -> str:
        """Text; numbers and yes/no words must be quoted. "" after a problem."""
        if self.node is None:
            return ""
        if isinstance(self.node, yaml.ScalarNode) and self.node.tag == _STR and self.node.value:
            if encodable(text := str(self.node.value)):
                return text
            self.problem("there is half a character here (an unpaired surrogate); write the character itself")
            return ""
        self.problem(_why_not_text(self.node))
        return ""

    def matching(self, pattern: re.Pattern[str], what: str) -> str:
        """Text of a given form; `what` says which. "" after a problem."""
        text = self.text()
        if text and not pattern.fullmatch(text):
            self.problem(f"`{text[:80]}` is not {what}")
            return ""
        return text

    def choice(self, words: Sequence[str]) -> str:
        """One of `words`; "" after a problem."""
        text = self.text()
        if text and text not in words:
            self.problem(f"`{text[:80]}` is not known here{suggestion(text, words)}; use one of: {', '.join(words)}")
        return text if text in words else ""

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`; `low` after a problem."""
        if self.node is None:
            return low
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag != _INT or not _INTEGER.match(self.node.value):
            self.problem(_why_not_integer(self.node))
            return low
        number = int(self.node.value)
        if low <= number <= high:
            return number
        self.problem(f"{number} is negative" if number < 0 else f"{number} is not between {low} and {high}")
        return low

    def decimal(self) -> int:
        """A decimal string such as "1.5", in millionths; one million after a problem."""
        if self.node is None:
            return MICRO
        if isinstance(self.node, yaml.ScalarNode) and self.node.tag in (_INT, _FLOAT):
            self.problem(f'write "{self.node.value}" in quotes: decimals are never read as floating-point numbers')
            return MICRO
        try:
            return micro(text) if (text := self.text()) else MICRO
        except ValueError as error:
            self.problem(str(error))
            return MICRO

    def boolean(self) -> bool:
        """`true` or `false`; False after a problem."""
        if self.node is None:
            return False
        text = str(self.node.value).lower() if isinstance(self.node, yaml.ScalarNode) else ""
        if text not in ("true", "false") or self.node.tag != _BOOL:
            self.problem(f"write true or false here, without quotes; this is {_kind(self.node)}")
        return text == "true"

    def moment(self) -> int:
        """A time with its zone (RFC 3339), in Unix milliseconds, up to the latest instant; 0 after a problem."""
        if self.node is None:
            return 0
        text = str(self.node.value)
        try:
            if not isinstance(self.node, yaml.ScalarNode) or not _MOMENT.match(text):
                raise ValueError
            time_ms = max(0, (datetime.fromisoformat(text.upper()) - _EPOCH) // timedelta(milliseconds=1))
        except ValueError:
            shown = f"`{text[:40]}`" if isinstance(self.node, yaml.ScalarNode) else _kind(self.node)
            self.problem(f"{shown} is not a time; write it with its zone, like 2026-01-31T00:00:00Z")
            return 0
        if time_ms > LATEST_MS:
            self.problem(f"`{text[:40]}` lies after {LATEST}, the latest instant there is; write an earlier time")
            return 0
        return time_ms

    def items(self) -> list["Place"]:
        """The values of a list; none after a problem."""
        if self.node is None:
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            self.problem(f"a list is due here, like [a, b]; this is {_kind(self.node)}")
            return []
        return [self.at(item) for item in self.node.value]

    def pairs(self) -> list[tuple["Place", "Place"]]:
        """The names and values of a group of fields. Duplicates are noted and left out. None after a problem."""
        if self.node is None:
            return []
        if not isinstance(self.node, yaml.MappingNode):
            self.problem(f"a group of fields is due here, like {{name: value}}; this is {_kind(self.node)}")
            return []
        return list(self._distinct(self.node))

    def _distinct(self, node: yaml.MappingNode) -> Iterator[tuple["Place", "Place"]]:
        first: dict[str, int] = {}
        for key, value in node.value:
            name = self.at(_as_name(key))
            text = name.text()
            if text in first:
                name.problem(f"`{text}` is written twice, the first time in line {first[text]}; keep one")
            elif text:
                first[text] = name.line
                yield name, self.at(value)

    def section(self, known: Sequence[str]) -> "Section":
        """A group of fields with names out of `known`; fields with other names are noted."""
        fields = {}
        for name, value in self.pairs():
            text = name.text()
            if text in known:
                fields[text] = value
            else:
                name.problem(f"unknown field `{text[:80]}`{suggestion(text, known)}; known here: {', '.join(known)}")
        return Section(self, fields, self.is_group)


@dataclass(frozen=True, slots=True)
class Section:
    """A group of fields. `place` is where it stands.

    `sound`: it is a group, so missing fields can be noted.
    """

    place: Place
    fields: dict[str, Place]
    sound: bool

    def get(self, name: str) -> Place | None:
        """The field, if it is there."""
        return self.fields.get(name)

    def need(self, name: str) -> Place:
        """The field. If it is missing, that is noted, and reading the field gives harmless values."""
        if name not in self.fields and self.sound:
            self.place.problem(f"the field `{name}` is missing")
        return self.fields.get(name) or Place(self.place.file, self.place.line, None, self.place.problems)


def encodable(text: str) -> bool:
    """Whether the text can be written as UTF-8. An escape such as `\\ud800` alone stands for no character."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def suggestion(word: str, known: Sequence[str]) -> str:
    """` (did you mean `x`?)` if a known word is close."""
    close = get_close_matches(word[:80], known, n=1)
    return f" (did you mean `{close[0]}`?)" if close else ""


def parse(file: str, content: bytes, problems: list[Problem]) -> Place:
    """The top value of a YAML file. A file that is no YAML is noted, and reading it gives harmless values."""
    nothing = Place(file, 1, None, problems)
    try:
        node = yaml.compose(content.decode("utf-8-sig"), Loader=ShallowLoader)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.append(Problem(file, line, "this is not UTF-8 text; save the file with the encoding UTF-8"))
        return nothing
    except NestedTooDeeply as error:
        problems.append(Problem(file, error.problem_mark.line + 1, error.problem))
        return nothing
    except yaml.YAMLError as error:
        problems.append(_unreadable(file, content, error))
        return nothing
    if node is None:
        nothing.problem("the file is empty")
        return nothing
    return nothing.at(node)


def _unreadable(file: str, content: bytes, error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line = content.decode()[: error.position].count("\n") + 1
        return Problem(file, line, "there is a control character in this file; remove it")
    mark = getattr(error, "problem_mark", None)
    if "single document" in str(error):
        return Problem(file, mark.line + 1 if mark else 1, "only one document is allowed in a file; remove the `---`")
    words = getattr(error, "problem", None) or "it can't be read"
    return Problem(file, mark.line + 1 if mark else 1, f"this is not valid YAML: {words}")


def _as_name(key: yaml.Node) -> yaml.Node:
    """A field's name as text. YAML would read `on`, the event of a workflow's transition, as a yes/no value."""
    if isinstance(key, yaml.ScalarNode) and key.tag == _BOOL:
        return yaml.ScalarNode(_STR, key.value, key.start_mark, key.end_mark)
    return key


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if isinstance(node, yaml.MappingNode):
        return "a group of fields"
    kinds = {_NULL: "nothing", _BOOL: f"the yes/no value `{node.value}`", _STR: f"the text `{node.value[:80]}`"}
    return kinds.get(node.tag, f"`{node.value[:80]}`")


def _why_not_text(node: yaml.Node) -> str:
    if node.tag == _BOOL:
        return f'`{node.value}` is read as a yes/no value; write "{node.value}" in quotes'
    if not isinstance(node, yaml.ScalarNode):
        return f"text is due here; this is {_kind(node)}"
    if node.tag == _NULL or not node.value:
        return "there is no value here"
    return f'text is due here; write "{node.value[:80]}" in quotes'


def _why_not_integer(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode) and node.tag == _STR and _INTEGER.match(node.value):
        return f"a whole number is due here; write {node.value} without quotes"
    return f"a whole number is due here, like 250; this is {_kind(node)}"
