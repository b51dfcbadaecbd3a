"""What docs/bus-in.md shows is what there is."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import yaml
from prometheus_client import CollectorRegistry

from feeds.bus.incoming.documents import DOCUMENTS
from feeds.bus.incoming.metrics import BusInMetrics
from feeds.bus.incoming.settings import BusInSettings, EventType

TEXT = (Path(__file__).parents[5] / "docs/bus-in.md").read_text()


def test_its_section_is_accepted() -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    settings = msgspec.convert(yaml.safe_load(shown)["bus_in"], BusInSettings)
    assert settings.dead_letters_of("sports.bets") in TEXT


def test_it_has_every_type_and_every_field() -> None:
    for name in get_args(EventType):
        (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |")]
        assert all(f"`{field}`" in row for field in DOCUMENTS[name].__struct_fields__)  # type: ignore[attr-defined]


def test_it_has_every_setting_and_every_metric() -> None:
    assert [
        name for name in BusInSettings.__struct_fields__ if f"`{name}`" not in TEXT and f"{name}:" not in TEXT
    ] == []
    registry = CollectorRegistry()
    BusInMetrics(registry)
    for metric in registry.collect():
        name = metric.name + ("_total" if metric.type == "counter" else "")
        assert f"`{name}" in TEXT, name
