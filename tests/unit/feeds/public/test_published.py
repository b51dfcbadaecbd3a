"""What was published stays: `.v1` only ever gets optional fields."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from feeds.public.catalogue import EVENTS, FAMILIES
from feeds.public.reference import DOCUMENT, renewed
from feeds.public.schemas import files, schema_file
from tests.unit.feeds.public.golden import FOLDER, as_json, entries, told

SCHEMAS = Path(__file__).parents[4] / "schemas/events"
GOLDEN_SCHEMAS = sorted(FOLDER.glob("*.v1.json"))


def broken(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What a consumer written for `before` would stumble over."""
    found = [f"{name} is gone" for name in before["properties"] if name not in now["properties"]]
    for name, field in before["properties"].items():
        kept = {key: value for key, value in now["properties"].get(name, field).items() if key != "description"}
        if kept != {key: value for key, value in field.items() if key != "description"}:
            found.append(f"{name} has changed")
    return (
        found
        + [f"{name} may be missing" for name in before["required"] if name not in now["required"]]
        + [f"{name} is required" for name in now["required"] if name not in before["required"]]
    )


def test_a_published_schema_only_gets_optional_fields() -> None:
    now = files()
    found = {
        golden.name: broken(json.loads(golden.read_text()), json.loads(now[golden.name])) for golden in GOLDEN_SCHEMAS
    }
    assert {name: complaints for name, complaints in found.items() if complaints} == {}


def test_every_event_has_a_golden_schema() -> None:
    assert {path.name for path in GOLDEN_SCHEMAS} == {schema_file(name) for name in FAMILIES}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda it: it["properties"].pop("real"), "real is gone"),
        (lambda it: it["properties"]["real"].update(type="string"), "real has changed"),
        (lambda it: it["required"].append("round_id"), "round_id is required"),
        (lambda it: it["required"].remove("real"), "real may be missing"),
    ],
)
def test_what_would_break_consumers_is_found(change: Any, complaint: str) -> None:
    before = json.loads(files()["WinCredited.v1.json"])
    now = json.loads(files()["WinCredited.v1.json"])
    now["properties"]["jackpot"] = {"type": "integer"}
    assert broken(before, now) == []
    change(now)
    assert complaint in broken(before, now)


def test_the_files_of_schemas_are_those_of_the_code() -> None:
    """`python -m feeds.public.schemas` writes them."""
    assert {path.name: path.read_text() for path in SCHEMAS.glob("*.json")} == files()


def test_the_reference_is_that_of_the_code() -> None:
    """`python -m feeds.public.reference` writes it."""
    document = (SCHEMAS.parents[1] / DOCUMENT).read_text()
    assert document == renewed(document)


def test_every_event_has_golden_entries() -> None:
    assert {event["type"] for golden in entries() for event in golden.events} == set(FAMILIES)


def test_an_old_entry_is_told_as_it_always_was() -> None:
    """With the same ids in the same order; fields may have been added."""
    validators = {name: jsonschema.Draft202012Validator(json.loads(text)) for name, text in files().items()}
    for golden in entries():
        now = told(golden.transition)
        assert [(event["id"], event["type"], event["time_ms"]) for event in now] == [
            (event["id"], event["type"], event["time_ms"]) for event in golden.events
        ]
        for event, before in zip(now, golden.events, strict=True):
            assert event["data"] == event["data"] | before["data"], event["id"]
            validators[schema_file(event["type"])].validate(event["data"])


def test_the_structs_read_what_was_published() -> None:
    kinds = {kind.__name__: kind for kinds in EVENTS.values() for kind in kinds}
    for golden in entries():
        for event in golden.events:
            read = msgspec.convert(event["data"], kinds[event["type"]])
            assert as_json(read) == event["data"], event["id"]
