"""The published schemas say what is accepted."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from feeds.bus.incoming.documents import DOCUMENTS
from feeds.bus.incoming.schemas import files

FOLDER = Path(__file__).parents[5] / "schemas/commands"


def test_the_files_are_up_to_date() -> None:
    assert {path.name: path.read_text() for path in FOLDER.glob("*.json")} == files(), (
        "run: .venv/bin/python -m feeds.bus.incoming.schemas"
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("com.croupier.Deposit.v1", {"amount": 1}),
        ("com.croupier.Deposit.v1", {"amount": 0}),
        ("com.croupier.Deposit.v1", {"amount": 1, "ip": None, "device": "d"}),
        ("com.croupier.Deposit.v1", {"amount": 1, "device": "with space"}),
        ("com.croupier.Deposit.v1", {"amount": 1, "currency": "EUR"}),
        ("com.croupier.ReportBet.v1", {"amount": 1, "game_type": "table"}),
        ("com.croupier.ReportBet.v1", {"amount": 1, "game_type": "chess"}),
        ("com.croupier.RollBackBet.v1", {}),
        ("com.croupier.StartSession.v1", {}),
        ("com.croupier.StartSession.v1", {"country": "Germany"}),
        ("com.croupier.PostEvent.v1", {"name": "x", "payload": {"deep": [1, {"er": None}]}}),
        ("com.croupier.PostEvent.v1", {"name": "x", "payload": []}),
    ],
)
def test_schema_and_reader_agree(name: Any, data: Any) -> None:
    schema = json.loads(files()[name.removeprefix("com.croupier.") + ".json"])
    by_schema = jsonschema.Draft7Validator(schema).is_valid(data)
    try:
        msgspec.convert(data, DOCUMENTS[name])
        by_reader = True
    except msgspec.ValidationError:
        by_reader = False
    assert by_schema == by_reader
