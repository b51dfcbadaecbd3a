"""The columns of every family, in their order: names, kinds and words, read from the structs of `rows/`."""

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, get_args

import msgspec

from feeds.facts.rows.base import COMMON, WALLETS, Row
from feeds.facts.rows.making import FAMILIES


class Column(msgspec.Struct, frozen=True):
    """`kind` is `text`, `texts`, `integer`, `boolean`, `day`, `instant`, or a unit of integers, as `minor units`."""

    name: str
    kind: str
    words: str = ""


_KINDS: Final[Mapping[Any, str]] = {str: "text", int: "integer", bool: "boolean", tuple[str, ...]: "texts"}


def columns(family: str) -> tuple[Column, ...]:
    """Those that all families have, then the family's own."""
    return _COLUMNS[family]


def _own(kind: type[Row]) -> list[Column]:
    words = WALLETS | _words(kind)
    return [Column(name, _kind(hint), words.get(name, "")) for name, hint in _hints(kind).items()]


def _hints(kind: type[Row]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def _kind(hint: Any) -> str:
    """Of `int`, `Annotated[int, …]`, and of each of them `| None`."""
    for part in (hint, *get_args(hint)):
        for meta in getattr(part, "__metadata__", ()):
            if isinstance(meta, msgspec.Meta) and meta.extra_json_schema:
                return str(meta.extra_json_schema["unit"])
    plain = next((part for part in get_args(hint) if part in _KINDS), hint)
    return _KINDS[hint] if hint in _KINDS else _KINDS[plain]


@cache
def _words(kind: type[Row]) -> dict[str, str]:
    """The docstrings under the fields."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for field, behind in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(behind, ast.Expr):
            found[field.target.id] = " ".join(str(ast.literal_eval(behind.value)).split()).rstrip(".")
    return found


_COLUMNS: Final = MappingProxyType(
    {
        family: (*(Column(name, *told) for name, told in COMMON.items()), *_own(kind))
        for family, kind in FAMILIES.items()
    }
)
