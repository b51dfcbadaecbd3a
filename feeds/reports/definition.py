"""A report's file: SQL, under a header of comments that is YAML. Everything that is wrong is told with its line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
import yaml
from msgspec import Meta

from feeds.reports.pdf.document import Chart
from feeds.shallow_yaml import ShallowLoader

FILE_BYTES_MAX: Final = 262_144
FROM, TO, TIME_ZONE, CATALOG = "from", "to", "time_zone", "catalog"
GIVEN: Final = frozenset({FROM, TO, TIME_ZONE, CATALOG})
"""Parameters that every report may use."""

ReportRole = Literal["platform", "loyalty_admin", "marketing_manager", "support", "ops", "auditor"]
Type = Literal["money", "count", "ratio", "points", "micro_eur", "text", "time"]
"""money: minor units of the row's `currency`, whose `exponent` is a column, too. ratio: 1 is 100 %. points and
micro_eur: millionths.
"""
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
ReportName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Words = Annotated[str, Meta(min_length=1, max_length=2_000)]
_INITIALS: Final = {word.lower(): word for word in ("GGR", "NGR", "RTP", "ARPU", "EUR")}
NAME: Final = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}$")


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of the answer. `title` is what people read above it; without it, the name."""

    name: Name
    type: Type
    words: str = ""
    title: str = ""

    @property
    def heading(self) -> str:
        """What stands above the column."""
        words = " ".join(_INITIALS.get(word, word) for word in self.name.split("_"))
        return self.title or words[:1].upper() + words[1:]


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked beside the period. Without a `default` it must be given."""

    name: Name
    words: str = ""
    type: Literal["text", "count"] = "text"
    default: str | int | None = None


class Total(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must be equal to something that was counted elsewhere.

    `counter`: `sql` gives the number of this counter of the store. `counters`: `sql` gives rows of a counter's name and
    its number. `equals`: a second query, which must give the same rows.
    """

    what: Words
    sql: Words
    counter: str | None = None
    counters: bool = False
    equals: Words | None = None

    def __post_init__(self) -> None:
        if (self.counter is not None) + self.counters + (self.equals is not None) != 1:
            raise ValueError("one of counter, counters: true, equals is due here")


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands above the SQL.

    `ledger`: balances that the engine answered are compared with the sum of all movements, per currency. `schedule` is
    a proposal of when to deliver it, as a cron line.
    """

    title: Words
    description: Words
    roles: Annotated[tuple[ReportRole, ...], Meta(min_length=1)]
    columns: Annotated[tuple[Column, ...], Meta(min_length=1, max_length=100)]
    parameters: Annotated[tuple[Parameter, ...], Meta(max_length=20)] = ()
    definitions: Mapping[str, str] = {}
    charts: Annotated[tuple[Chart, ...], Meta(max_length=8)] = ()
    reconcile: Annotated[tuple[Total, ...], Meta(max_length=20)] = ()
    ledger: bool = False
    schedule: str = ""
    signed: bool = False
    """The report's JSON is signed by the key of the audit."""


class Definition(msgspec.Struct, frozen=True):
    """A report. `sql` keeps the lines of the file, so that an error names the right one."""

    name: str
    path: str
    header: Header
    sql: str

    @property
    def asks_catalog(self) -> bool:
        """Whether the SQL looks at what the catalog says."""
        return f"${CATALOG}" in self.sql


class Problem(NamedTuple):
    """What is wrong with a file, and where."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class DefinitionInvalid(Exception):
    """The file can't be used."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)


def read_definition(path: Path) -> Definition:
    """The report in a file. Raises DefinitionInvalid."""
    file = str(path)
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise DefinitionInvalid([Problem(file, 1, f"the file is larger than {FILE_BYTES_MAX} bytes")])
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DefinitionInvalid([Problem(file, 1, f"can't be read: {error.strerror}")]) from error
    except UnicodeDecodeError:
        raise DefinitionInvalid([Problem(file, 1, "is not UTF-8")]) from None
    if not NAME.match(path.stem):
        raise DefinitionInvalid(
            [Problem(file, 1, "the file's name is the report's: small letters, digits and hyphens, then .sql")]
        )
    return parse_definition(path.stem, file, text)


def parse_definition(name: str, file: str, text: str) -> Definition:
    """The report `name`. Raises DefinitionInvalid."""
    lines = text.replace("\r\n", "\n").split("\n")
    count = next((at for at, line in enumerate(lines) if not line.startswith("--")), len(lines))
    header = _header(file, [line[2:].removeprefix(" ") for line in lines[:count]])
    problems = list(_senseless(file, lines, header))
    if not "".join(lines[count:]).strip():
        problems.append(Problem(file, count + 1, "SQL is due below the header"))
    if problems:
        raise DefinitionInvalid(problems)
    return Definition(name, file, header, "\n" * count + "\n".join(lines[count:]))


def _header(file: str, lines: Sequence[str]) -> Header:
    if not lines:
        raise DefinitionInvalid([Problem(file, 1, "a header is due here: lines of `-- ` with YAML, title first")])
    text = "\n".join(lines)
    try:
        node = yaml.compose(text, ShallowLoader)
        raw = None if node is None else ShallowLoader("").construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or "is no YAML"
        raise DefinitionInvalid([Problem(file, mark.line + 1 if mark else 1, f"header: {said}")]) from None
    try:
        return msgspec.convert(raw, Header)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `$")
        raise DefinitionInvalid([Problem(file, _line(node, where.rstrip("`")), f"header: {said}")]) from None


_STEP: Final = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+|\.\.\.)\]")


def _line(node: Any, where: str) -> int:
    """The line of a place like `.columns[0].type`, or of the nearest thing above it that is there."""
    for key, index in _STEP.findall(where):
        below = None
        if key and isinstance(node, yaml.MappingNode):
            below = next((value for name, value in node.value if name.value == key), None)
        elif index.isdigit() and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
            below = node.value[int(index)]
        if below is None:
            break
        node = below
    return node.start_mark.line + 1 if node is not None else 1


def _senseless(file: str, lines: Sequence[str], header: Header) -> Iterator[Problem]:
    """What is well formed, and still can't be."""
    columns = [column.name for column in header.columns]
    for twice in {name for name in columns if columns.count(name) > 1}:
        yield Problem(file, _naming(lines, twice), f"the column {twice} is named twice")
    if any(column.type == "money" for column in header.columns) and not {"currency", "exponent"} <= {*columns}:
        yield Problem(file, _naming(lines, "columns"), "columns of money need the columns currency and exponent")
    for parameter in header.parameters:
        if parameter.name in GIVEN:
            yield Problem(file, _naming(lines, parameter.name), f"the parameter {parameter.name} is there always")
    for chart in header.charts:
        for name in filter(None, (*chart.y, chart.x, chart.by)):
            if name not in columns:
                yield Problem(file, _naming(lines, chart.title), f"a chart names {name}, which is no column")


def _naming(lines: Sequence[str], word: str) -> int:
    """The first line of the header that has the word."""
    return next((at for at, line in enumerate(lines, 1) if word in line), 1)
