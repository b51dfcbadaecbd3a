"""The topics that the document of events names."""

from pathlib import Path

import pytest

from croupier.integrations import IntegrationsInvalid
from croupier.integrations.topics import event_topics

BUS = "bus:\n  brokers: [kafka-1:9092]\n"


@pytest.mark.parametrize(
    ("content", "bets", "money"),
    [
        ("{}\n", "croupier.bets", "croupier.money"),
        (BUS, "croupier.bets", "croupier.money"),
        (f"{BUS}  topic: all\n", "all", "all"),
        (f"{BUS}  topics: {{bets: b, money: null}}\n", "b", None),
        (f"{BUS}  login: {{user: croupier, password: {{env: NOBODY_SET_THIS}}}}\n  topic: all\n", "all", "all"),
    ],
)
def test_they_are_those_of_the_file(tmp_path: Path, content: str, bets: str, money: str | None) -> None:
    file = tmp_path / "integrations.yaml"
    file.write_text(content)
    found = event_topics(file)
    assert (found["bets"], found["money"]) == (bets, money)


def test_without_a_file_they_are_those_of_a_bus_of_which_nothing_is_said() -> None:
    assert event_topics(None)["bonus"] == "croupier.bonus"


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "integrations.yaml"
    file.write_text("bus: {topic: all}\n")
    with pytest.raises(IntegrationsInvalid, match="brokers"):
        event_topics(file)
