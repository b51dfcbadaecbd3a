"""Rows as Parquet: the schema of a family, and rows that wait until there are enough of them for a row group."""

from typing import Any, Final

import msgspec
import pyarrow as pa

from feeds.facts.columns import Column, columns
from feeds.facts.rows.base import Row
from feeds.facts.rows.making import FAMILIES, Common

ROW_GROUP: Final = 65_536
"""Rows that wait in memory, and that are compressed together."""
_TYPES: Final[dict[str, Any]] = {
    "text": pa.string(),
    "texts": pa.list_(pa.string()),
    "boolean": pa.bool_(),
    "day": pa.date32(),
    "instant": pa.timestamp("ms", tz="UTC"),
}


def schema(family: str) -> Any:
    """The Arrow schema, with the words of each column as its comment. All other kinds are 64-bit integers."""
    return pa.schema([_field(column) for column in columns(family)])


def _field(column: Column) -> Any:
    return pa.field(column.name, _TYPES.get(column.kind, pa.int64()), metadata={"comment": column.words})


SCHEMAS: Final = {family: schema(family) for family in FAMILIES}
_DAY: Final = 4
"""Where the day stands in `Common`."""


class Waiting:
    """Rows of one family, of any days."""

    def __init__(self, family: str) -> None:
        self.family = family
        self._common: list[Common] = []
        self._rows: list[Row] = []

    def add(self, common: Common, row: Row) -> bool:
        """Whether there are enough now."""
        self._common.append(common)
        self._rows.append(row)
        return len(self._rows) >= ROW_GROUP

    def take(self) -> dict[int, Any]:
        """All rows as tables by day (days since 1970), in their order; none wait any more."""
        if not self._rows:
            return {}
        common, rows = self._common, self._rows
        self._common, self._rows = [], []
        table = self._table(common, rows)
        places: dict[int, list[int]] = {}
        for place, row in enumerate(common):
            places.setdefault(row[_DAY], []).append(place)
        return {day: _picked(table, found) for day, found in places.items()}

    def _table(self, common: list[Common], rows: list[Row]) -> Any:
        columns_of = [*zip(*common, strict=True), *zip(*map(msgspec.structs.astuple, rows), strict=True)]
        fields = SCHEMAS[self.family]
        arrays = [pa.array(values, field.type) for values, field in zip(columns_of, fields, strict=True)]
        return pa.table(arrays, schema=fields)


def _picked(table: Any, places: list[int]) -> Any:
    """These rows, in ascending order. Mostly they lie together."""
    first, last = places[0], places[-1]
    return table.slice(first, len(places)) if last - first < len(places) else table.take(places)
