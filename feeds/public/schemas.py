"""JSON Schema of every public event. `python -m feeds.public.schemas` writes them into `schemas/events/`."""

import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from feeds.public.catalogue import EVENTS
from feeds.public.data.base import PublicData
from feeds.public.event import SCHEMA_VERSION

FOLDER: Final = Path("schemas/events")
URN: Final = "urn:croupier:events:"
_DIALECT: Final = "http://json-schema.org/draft-07/schema#"


def schema_urn(name: str) -> str:
    """What names the schema of the event called `name`, wherever it is served."""
    return f"{URN}{name}:v{SCHEMA_VERSION}"


def schema_file(name: str) -> str:
    """The file name of that schema."""
    return f"{name}.v{SCHEMA_VERSION}.json"


def schema(kind: type[PublicData]) -> dict[str, Any]:
    """The schema of an event's data. A consumer must take fields that it doesn't know: later ones are added."""
    found = msgspec.json.schema(kind)
    described: dict[str, Any] = found["$defs"][kind.__name__]
    described["description"] = " ".join((kind.__doc__ or "").split())
    for field in described["properties"].values():
        if field.pop("default", 0) is None:
            _only_present(field)
    return {"$schema": _DIALECT, "$id": schema_urn(kind.__name__), **described}


def _only_present(field: dict[str, Any]) -> None:
    """A field without a value is left out, so that it is never null."""
    present = [option for option in field.pop("anyOf") if option.get("type") != "null"]
    field |= present[0]


def files() -> dict[str, str]:
    """The content of every file, by its name."""
    kinds = [kind for kinds in EVENTS.values() for kind in kinds]
    return {schema_file(kind.__name__): json.dumps(schema(kind), indent=2) + "\n" for kind in kinds}


def main() -> None:
    """Writes them to the folder named, or to `schemas/events/`."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (folder / name).write_text(content)


if __name__ == "__main__":
    main()
