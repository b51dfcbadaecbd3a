"""The reference in `docs/events.md`, from the schemas. `python -m feeds.public.reference` writes it anew."""

from pathlib import Path
from typing import Any, Final

from feeds.public.catalogue import EVENTS
from feeds.public.data.base import PublicData
from feeds.public.schemas import schema

DOCUMENT: Final = Path("docs/events.md")
BEGIN: Final = "<!-- The rest is written by python -m feeds.public.reference -->\n"
_ENVELOPE: Final = ("player_id", "command_id")
_TYPES: Final = {"integer": "integer", "string": "text", "boolean": "true or false"}


def reference() -> str:
    """Every family, every event, every field but those that all events have."""
    return "\n".join(
        line
        for family, kinds in EVENTS.items()
        for line in (f"\n## Events: {family}", *(line for kind in kinds for line in _event(kind)))
    )


def _event(kind: type[PublicData]) -> list[str]:
    described = schema(kind)
    fields = {name: field for name, field in described["properties"].items() if name not in _ENVELOPE}
    lines = [f"\n### {kind.__name__}\n", described["description"]]
    if fields:
        lines += ["\n| field | type | |", "|---|---|---|"]
    return lines + [_row(name, field, name in described["required"]) for name, field in fields.items()]


def _row(name: str, field: dict[str, Any], always: bool) -> str:
    kind = f"list of {_TYPES[field['items']['type']]}" if field["type"] == "array" else _TYPES[field["type"]]
    return f"| `{name}` | {kind}{'' if always else ', optional'} | {_unit(field.get('description', ''))} |"


def _unit(description: str) -> str:
    """The first sentence."""
    return description.split(". ")[0].rstrip(".")


def renewed(document: str) -> str:
    """The document with its reference written anew."""
    return f"{document.partition(BEGIN)[0]}{BEGIN}{reference()}\n"


def main() -> None:
    """Writes it into the document."""
    DOCUMENT.write_text(renewed(DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
