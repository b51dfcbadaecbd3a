"""The published JSON Schemas: what editors complete and check is what the loader knows."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from croupier.catalog.schema import SCHEMAS, schema_text
from tests.support.example_catalog import SHIPPED

FILES = sorted(path for path in SHIPPED.rglob("*.yaml"))


def schema_of(path: Path) -> dict[str, Any]:
    """The schema an editor finds by the first line of the file."""
    first = path.read_text().partition("\n")[0]
    assert first.startswith("# yaml-language-server: $schema="), path
    found: dict[str, Any] = json.loads((path.parent / first.partition("=")[2]).read_text())
    return found


def document(node: yaml.Node) -> Any:
    """YAML as editors read it: `on` is a name, and a moment is text."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: document(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [document(item) for item in node.value]
    kind = node.tag.rpartition(":")[2]
    return {"int": int, "bool": lambda text: text == "true"}.get(kind, str)(node.value)


def read(path: Path) -> Any:
    return document(yaml.compose(path.read_text(), Loader=yaml.SafeLoader))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_shipped_file_names_its_schema_and_keeps_it(path: Path) -> None:
    validator = jsonschema.Draft7Validator(schema_of(path))
    assert [error.message for error in validator.iter_errors(read(path))] == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_shipped_schemas_are_made_from_the_loader(name: str) -> None:
    text = schema_text(name)
    assert (SHIPPED / f"schema/{name}.schema.json").read_text() == text, "run python -m croupier.catalog.schema"
    jsonschema.Draft7Validator.check_schema(json.loads(text))


BROKEN = [
    ("campaigns/welcome-100.yaml", ("limits", "per_playr"), 1),
    ("campaigns/welcome-100.yaml", ("trigger", "event"), "first_win"),
    ("campaigns/welcome-100.yaml", ("wager", "multiplier"), 35),
    ("campaigns/welcome-100.yaml", ("award", "bonus"), {"match_percent": "100"}),
    ("campaigns/welcome-100.yaml", ("award",), {"free_spins": None}),
    ("campaigns/app-gift-3.yaml", ("trigger",), {"event": "custom_event"}),
    ("campaigns/double-points.yaml", ("award",), {"bonus": {"fixed": {"EUR": 1}}}),
    ("workflows/approval.yaml", ("transitions", 0, "when"), ["refusd"]),
    ("workflows/approval.yaml", ("transitions", 0, "from"), "completed"),
    ("platform.yaml", ("currencies", "EUR", "exponent"), 5),
    ("platform.yaml", ("round_timeout", "hours"), 0),
    ("games.yaml", ("games", "book-of-dunes", "type"), "slots"),
    ("fraud.yaml", ("rules", "country_mismatch", "more_than"), 1),
    ("fraud.yaml", ("denied_countries",), ["kp"]),
    ("levels.yaml", ("points", "per_eur"), 1),
    ("levels.yaml", ("points", "game_multiplier", "slots"), "1"),
    ("levels.yaml", ("redemption", "lock_hours"), 8761),
    ("levels.yaml", ("downgrade", "window_days"), 93),
    ("levels.yaml", ("cashback", "period"), "daily"),
    ("levels.yaml", ("levels",), []),
    ("levels.yaml", ("levels", 0), {"id": "bronze"}),
    ("levels.yaml", ("levels", 2, "manager"), "mail"),
    ("levels.yaml", ("levels", 3, "offers"), ["Cup final"]),
]


@pytest.mark.parametrize(("name", "path", "value"), BROKEN)
def test_a_mistake_is_underlined_in_the_editor(name: str, path: tuple[Any, ...], value: Any) -> None:
    content = read(SHIPPED / name)
    *way, last = path
    inner = content
    for step in way:
        inner = inner[step]
    inner[last] = value
    assert not jsonschema.Draft7Validator(schema_of(SHIPPED / name)).is_valid(content)
