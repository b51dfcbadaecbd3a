"""A report as bytes, piece by piece: never more of it in memory than some thousand rows."""

import csv
import io
from collections.abc import Iterator
from itertools import islice, repeat
from typing import Final

import msgspec

from feeds.reports.cells import neutral, plain, readable
from feeds.reports.running import FETCHED, Asked

HIDDEN: Final = "exponent"
"""In CSV money is written as decimals: the column that says how to read integers is left out."""
EXPONENT: Final = 2
"""Of money whose row does not tell it, because its currency is not known."""


def as_csv(asked: Asked) -> Iterator[bytes]:
    """RFC 4180, UTF-8, a heading first. Text that a spreadsheet would take for a formula is neutralised."""
    columns = asked.about.columns
    names = [column.name for column in columns]
    shown = [place for place, name in enumerate(names) if name != HIDDEN]
    exponent_at = names.index(HIDDEN) if HIDDEN in names else None
    write = [readable(column, asked.about.time_zone) for column in columns]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([neutral(names[place]) for place in shown])
    while rows := list(islice(asked.rows, FETCHED)):
        held = list(zip(*rows, strict=True))
        exponents = repeat(EXPONENT) if exponent_at is None else [_exponent(known) for known in held[exponent_at]]
        writer.writerows(zip(*(map(write[place], held[place], exponents) for place in shown), strict=True))
        yield _taken(out)
    yield _taken(out)


def _exponent(known: int | None) -> int:
    return EXPONENT if known is None else int(known)


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode()


def as_json(asked: Asked) -> Iterator[bytes]:
    """One object: what the report says of itself, and last its `rows`."""
    encode = msgspec.json.Encoder().encode
    names = [column.name for column in asked.about.columns]
    yield encode(asked.about)[:-1] + b',"rows":['
    between = b""
    while rows := list(islice(asked.rows, FETCHED)):
        made = [encode(dict(zip(names, map(plain, row), strict=True))) for row in rows]
        yield between + b",\n".join(made)
        between = b",\n"
    yield b"]}\n"
