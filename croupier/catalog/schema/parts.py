"""The pieces of which the catalog's JSON Schemas are made. `group` refuses fields that the loader doesn't know."""

from collections.abc import Sequence
from typing import Any, Final

from croupier.catalog.readers.values import CURRENCY_CODE
from engine.amounts import AMOUNT_MAX

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string", "minLength": 1}
DECIMAL: Final[Schema] = {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?$", "examples": ["35", "0.5"]}
MOMENT: Final[Schema] = {"type": "string", "description": "with its zone, like 2026-01-31T00:00:00Z"}
BOOLEAN: Final[Schema] = {"type": "boolean"}


def group(known: Sequence[str], fields: dict[str, Schema], need: Sequence[str] = ()) -> Schema:
    """A group of fields: exactly those the loader knows."""
    if set(known) != fields.keys():
        raise ValueError(f"loader and schema disagree about {sorted(set(known) ^ fields.keys())}")
    properties = {name: fields[name] for name in known}
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return schema | ({"required": list(need)} if need else {})


def integer(low: int, high: int, text: str = "") -> Schema:
    """A whole number; `text` is what an editor shows."""
    schema: Schema = {"type": "integer", "minimum": low, "maximum": high}
    return schema | ({"description": text} if text else {})


def one_of(words: Sequence[str], text: str = "") -> Schema:
    """One of these words."""
    schema: Schema = {"type": "string", "enum": list(words)}
    return schema | ({"description": text} if text else {})


def list_of(item: Schema, most: int | None = None) -> Schema:
    """A list without repetitions."""
    schema: Schema = {"type": "array", "uniqueItems": True, "items": item}
    return schema | ({"maxItems": most} if most else {})


def named(pattern: str, value: Schema) -> Schema:
    """A group of fields whose names have the form `pattern`, each with a `value`."""
    return {"type": "object", "additionalProperties": False, "patternProperties": {f"^(?:{pattern})$": value}}


def matching(pattern: str, text: str = "") -> Schema:
    """Text that matches `pattern` as a whole."""
    schema: Schema = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return schema | ({"description": text} if text else {})


def amounts(low: int, text: str) -> Schema:
    """Minor units by currency, each from `low`."""
    return named(CURRENCY_CODE.pattern, integer(low, AMOUNT_MAX)) | {
        "description": f"{text}; minor units by currency, like {{EUR: 1000}}"
    }


def eur(text: str) -> Schema:
    """A decimal string of EUR."""
    return DECIMAL | {"description": f"{text}; EUR in quotes"}
