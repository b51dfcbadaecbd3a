"""A `croupier up` that was taken over goes when callers have somewhere to go, and no sooner."""

import threading
from pathlib import Path

import pytest

from croupier.running import handing_over
from croupier.running.handing_over import COMMAND, STARTED, hand_over
from croupier.running.operators import by_operator, record


class Former:
    """Has handed its shards over when the test says so."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def handed_over(self) -> bool:
        return self.over.is_set()


class Going:
    """A `croupier up` that was taken over, on a store of its own. `gone` is set when it may end."""

    def __init__(self, folder: Path, gateways: int = 1) -> None:
        self.url = f"sqlite:{folder}"
        self.former, self.stop, self.gone = Former(), threading.Event(), threading.Event()
        self.own = record(self.url, by_operator(COMMAND, subject=STARTED))
        self.told = record(self.url, by_operator(COMMAND, subject="taken over by another"))
        threading.Thread(target=self._go, args=(gateways,), daemon=True).start()

    def _go(self, gateways: int) -> None:
        hand_over(self.url, self.former, self.own, self.told, gateways, self.stop)
        self.gone.set()

    def successor_serves(self) -> None:
        record(self.url, by_operator(COMMAND, subject=STARTED))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_over, "LOOK_S", 0.01)
    monkeypatch.setattr(handing_over, "CALLERS_MOVE_S", 0.05)


def test_gateways_serve_until_the_successor_has_all_shards_and_gateways_of_its_own(tmp_path: Path) -> None:
    going = Going(tmp_path)
    assert not going.gone.wait(0.1), "shards are not claimed yet"
    going.former.over.set()
    assert not going.gone.wait(0.2), "the gateways of the successor do not serve yet"
    going.successor_serves()
    assert going.gone.wait(30)


def test_a_successor_that_was_quicker_than_the_notice_is_seen(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}"
    own = record(url, by_operator(COMMAND, subject=STARTED))
    record(url, by_operator(COMMAND, subject=STARTED))
    told = record(url, by_operator(COMMAND, subject="taken over by another"))
    former = Former()
    former.over.set()
    hand_over(url, former, own, told, 1, threading.Event())


def test_a_successor_is_seen_however_much_else_the_control_log_tells(tmp_path: Path) -> None:
    """Every look at a player by a person is an entry, too."""
    going = Going(tmp_path)
    going.former.over.set()
    for _ in range(2):
        record(going.url, *[by_operator("GET /players/{player_id}")] * 1_000)
    assert not going.gone.wait(0.2), "the gateways of the successor do not serve yet"
    going.successor_serves()
    assert going.gone.wait(30)


def test_whoever_is_told_to_stop_waits_for_nobody(tmp_path: Path) -> None:
    going = Going(tmp_path)
    going.stop.set()
    assert going.gone.wait(30)


def test_without_gateways_there_are_no_callers_to_wait_for(tmp_path: Path) -> None:
    going = Going(tmp_path, gateways=0)
    going.former.over.set()
    assert going.gone.wait(30)


def test_a_store_that_can_not_be_asked_is_asked_again_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handing_over, "HAND_OVER_MAX_S", 0.2)
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    former = Former()
    former.over.set()
    hand_over(f"sqlite:{blocked}", former, 0, 0, 1, threading.Event())
