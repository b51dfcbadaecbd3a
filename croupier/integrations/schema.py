"""JSON Schema of `integrations.yaml`, for editors that complete and check the file while somebody types.

It is made from the settings that the processes use. `python -m croupier.integrations.schema` writes it; a test fails if
the file in `schemas/` is not up to date.
"""

import ast
import inspect
import json
import textwrap
from pathlib import Path
from typing import Any, Final

import msgspec

from feeds.integrations import Integrations

FILE: Final = Path("schemas/integrations.schema.json")
_DIALECT: Final = "http://json-schema.org/draft-07/schema#"


def schema() -> dict[str, Any]:
    """The schema of the whole file."""
    made = msgspec.json.schema(Integrations)
    for kind in _structs():
        described = made["$defs"][kind.__name__]
        described["description"] = _one_line(kind.__doc__ or "")
        for name, text in _field_texts(kind).items():
            described["properties"][name].setdefault("description", text)
    return {"$schema": _DIALECT, "$id": "urn:croupier:integrations", "title": "Croupier: integrations.yaml", **made}


def schema_text() -> str:
    """The content of the file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _structs() -> list[type]:
    found: dict[str, type] = {}

    def visit(kind: msgspec.inspect.Type) -> None:
        if isinstance(kind, msgspec.inspect.StructType) and kind.cls.__name__ not in found:
            found[kind.cls.__name__] = kind.cls
            for field in kind.fields:
                visit(field.type)
        for part in ("type", "item_type", "key_type", "value_type"):
            if (inner := getattr(kind, part, None)) is not None:
                visit(inner)
        for inner in getattr(kind, "types", ()):
            visit(inner)

    visit(msgspec.inspect.type_info(Integrations))
    return list(found.values())


def _field_texts(kind: type) -> dict[str, str]:
    """What stands under each field in the class and in those it is based on. Python does not keep it."""
    texts: dict[str, str] = {}
    for cls in reversed(kind.__mro__):
        if cls in (object, msgspec.Struct) or not issubclass(cls, msgspec.Struct):
            continue
        definition = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
        assert isinstance(definition, ast.ClassDef)
        for field, text in zip(definition.body, definition.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_text(text):
                texts[field.target.id] = _one_line(ast.literal_eval(text.value))  # type: ignore[attr-defined]
    return texts


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    """Writes the file, from the top folder of the project."""
    FILE.write_text(schema_text())


if __name__ == "__main__":
    main()
