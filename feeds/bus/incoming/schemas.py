"""JSON Schema of the data that comes in, by type. `python -m feeds.bus.incoming.schemas` writes `schemas/commands/`."""

import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from feeds.bus.incoming.documents import DOCUMENTS

FOLDER: Final = Path("schemas/commands")
_DIALECT: Final = "http://json-schema.org/draft-07/schema#"


def schema(name: str, kind: type) -> dict[str, Any]:
    """The schema of the data of type `name`."""
    described: dict[str, Any] = msgspec.json.schema(kind)["$defs"][kind.__name__]
    described["description"] = " ".join((kind.__doc__ or "").split())
    _end_patterns(described)
    return {"$schema": _DIALECT, "$id": f"urn:croupier:commands:{name}", **described, "title": name}


def _end_patterns(node: Any) -> None:
    """Python ends a pattern by `\\\\Z`, and JSON Schema by `$`."""
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            node["pattern"] = node["pattern"].replace(r"\Z", "$")
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            _end_patterns(part)


def files() -> dict[str, str]:
    """The content of every file, by its name: `Deposit.v1.json`."""
    return {
        f"{name.removeprefix('com.croupier.')}.json": json.dumps(schema(name, kind), indent=2) + "\n"
        for name, kind in DOCUMENTS.items()
    }


def main() -> None:
    """Writes them to the folder named, or to `schemas/commands/`."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (folder / name).write_text(content)


if __name__ == "__main__":
    main()
