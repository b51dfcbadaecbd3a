"""`croupier up --integrations FILE`: one Croupier with all that is configured, and every metric of it in a scenario."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.support.bus_in import Event, produce
from tests.support.croupier_up import CroupierUp, croupier, register, token
from tests.support.everything import BUS_IN_PORT, everything, kafka_with_topics
from tests.support.kafka import MockKafka
from tests.support.notice_world import World
from tests.support.patience import PATIENCE_S
from tests.support.webhook_receiver import Receiver, answering

pytestmark = pytest.mark.timeout(240)

READERS = ["archive", "bus", "webhooks", "notices"]


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with kafka_with_topics() as cluster:
        yield cluster


def scraped(url: str) -> dict[str, float]:
    """Samples by name and labels, as Prometheus would write them."""
    with urlopen(url, timeout=PATIENCE_S) as response:
        lines = str(response.read().decode()).splitlines()
    pairs = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


class Metrics:
    """All metrics that Prometheus finds: by the service discovery of the gateway, and those of bus-in."""

    def __init__(self, up: CroupierUp) -> None:
        self._up = up

    def now(self) -> dict[str, dict[str, float]]:
        """Samples by reader, shard or `bus-in`."""
        found = {}
        for entry in self._up.api.plain("GET", "/metrics/targets").json():
            labels = entry["labels"]
            name = labels.get("reader") or labels.get("shard")
            if name is not None:
                found[name] = scraped(f"http://{entry['targets'][0]}/metrics")
        with suppress(URLError):  # it starts beside the gateways
            found["bus-in"] = scraped(f"http://127.0.0.1:{BUS_IN_PORT}/metrics")
        return found

    async def until(
        self, what: str, holds: Callable[[dict[str, dict[str, float]]], bool], timeout_s: float = 40
    ) -> None:
        """Scrapes until it holds."""
        seen: dict[str, dict[str, float]] = {}
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    seen = await asyncio.to_thread(self.now)
                    if all(name in seen for name in (*READERS, "bus-in", "s0")) and holds(seen):
                        return
                    await asyncio.sleep(0.2)
        except TimeoutError:
            shown = {name: {k: v for k, v in each.items() if "python_" not in k} for name, each in seen.items()}
            raise AssertionError(
                f"still not: {what}: {json.dumps(shown, indent=1)}; {self._up.stderr()[-3000:]}"
            ) from None


def total(samples: dict[str, float], name: str, *labels: str) -> float:
    """The sum of a metric over its labels, of those that hold these; not a number while nobody has counted it yet."""
    chosen = [
        value
        for key, value in samples.items()
        if key.partition("{")[0] == name and all(label in key for label in labels)
    ]
    return sum(chosen) if chosen else float("nan")


async def play(up: CroupierUp, player_id: str, spins: int) -> None:
    for _ in range(spins):
        target = f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real&bet=10&win=10"
        answer = await asyncio.to_thread(up.api.game, "POST", target)
        assert answer.status_code == 200, answer.text


async def test_what_is_configured_runs_and_shows_itself(tmp_path: Path, kafka: MockKafka) -> None:
    async with everything(tmp_path, kafka) as (up, receiver, house):
        metrics = Metrics(up)
        await asyncio.to_thread(register, up.api, "ann", 500)
        await play(up, "ann", 10)
        await asyncio.to_thread(produce, kafka, Event("ann", {"amount": 700}), Event("nobody", {"amount": 1}))
        await receiver.until_accepted(2)
        assert [got.json["data"]["amount"] for got in receiver.accepted] == [500, 700]
        await metrics.until("all of it has left", settled)
        await check_notice(up, house, metrics)
        await receiver.until_accepted(3)  # bea's deposit too: one that fails would be told after ann's next
        await check_weather(up, kafka, receiver, metrics)
        await asyncio.to_thread(check_versions, kafka)
        await asyncio.to_thread(check_status, up)


def settled(seen: dict[str, dict[str, float]]) -> bool:
    """The metrics of a day without trouble."""
    readers = [seen[name] for name in READERS]
    return (
        all(total(reader, "reader_lag_records") == 0 for reader in readers)
        and all(total(reader, "reader_lag_seconds") < 60 for reader in readers)
        and all(total(reader, "reader_position") >= 3 for reader in readers)
        and all(total(reader, "reader_stalled_total") == 0 for reader in readers)
        and total(seen["archive"], "journal_held_bytes") == 0
        and total(seen["archive"], "reader_behind", 'reader="archive"') == 0
        and total(seen["archive"], "archive_records_total") >= 3
        and total(seen["archive"], "archive_segments_total") >= 1
        and total(seen["archive"], "archive_upload_failures_total") == 0
        and total(seen["archive"], "archive_spool_full") == 0
        and total(seen["bus"], "bus_out_delivered_total") >= 23
        and total(seen["bus"], "bus_out_waiting_events") == 0
        and total(seen["webhooks"], "webhook_deliveries_total", 'outcome="delivered"') == 2
        and total(seen["webhooks"], "webhook_latency_seconds_count") == 2
        and total(seen["webhooks"], "webhook_disabled") == 0
        and total(seen["bus-in"], "bus_in_events_total", 'outcome="accepted"') == 1
        and total(seen["bus-in"], "bus_in_dead_letters_total", 'code="player_not_found"') == 1
        and total(seen["bus-in"], "bus_in_lag_records") == 0
        and all(total(seen[name], "breaker_state") == 0 for name in (*READERS, "bus-in"))
        and total(seen["s0"], "shard_bets_stopped") == 0
        and 0 <= total(seen["s0"], "store_fill_ratio") < 1
    )


async def check_notice(up: CroupierUp, house: World, metrics: Metrics) -> None:
    """A bonus is told by mail to the address that the platform names."""
    await asyncio.to_thread(register, up.api, "bea", 1_000)
    await house.until(lambda: bool(house.mail.mails), 30)
    assert house.mail.mails[0]["To"] == "anna@players.example"
    await metrics.until(
        "the notice is counted",
        lambda seen: (
            total(seen["notices"], "notices_total", 'outcome="sent"', 'channel="email"') == 1
            and total(seen["notices"], "notice_delay_seconds_count") == 1
            and total(seen["notices"], "notices_waiting") == 0
        ),
    )


async def check_weather(up: CroupierUp, kafka: MockKafka, receiver: Receiver, metrics: Metrics) -> None:
    """The broker goes away and the endpoint fails: each shows, play goes on, and all is made up for."""
    kafka.all_down()
    receiver.script = answering(500)
    await play(up, "ann", 10)
    await asyncio.to_thread(up.api.platform, "POST", "/players/ann/deposits", {"amount": 900})
    await metrics.until(
        "the trouble shows",
        lambda seen: (
            total(seen["bus"], "reader_lag_records") > 0
            and total(seen["bus"], "breaker_state") > 0
            and total(seen["webhooks"], "webhook_deliveries_total", 'outcome="failed"') > 0
            and total(seen["webhooks"], "webhook_owed") == 1
        ),
    )
    kafka.all_up()
    receiver.script = answering(204)
    await metrics.until(
        "all is made up for",
        lambda seen: (
            total(seen["bus"], "reader_lag_records") == 0
            and total(seen["bus"], "breaker_state") == 0
            and total(seen["webhooks"], "webhook_owed") == 0
        ),
        90,
    )
    told = [got.json["data"]["amount"] for got in receiver.accepted if got.player_id == "ann"]
    assert told == [500, 700, 900]


def check_versions(kafka: MockKafka) -> None:
    """By one number per player a consumer gets each bet and win once, in the order of the journal's versions."""
    last, handled = 0, list[tuple[int, str]]()
    for message in kafka.read(["croupier.bets"]):
        header = {name: (value or b"").decode() for name, value in message.headers() or []}  # type: ignore[union-attr,str-unpack]
        assert header["ce_source"] == "/croupier/tests"
        at, n = map(int, header["ce_sequence"].split("."))
        if header["ce_subject"] == "ann" and at * 1_000_000 + n > last:
            last = at * 1_000_000 + n
            handled.append((at, header["ce_type"]))
    spins = [*range(3, 13), *range(14, 24)]  # registered, deposited; the deposit by the bus lies between
    kinds = ("com.croupier.BetPlaced.v1", "com.croupier.WinCredited.v1")
    assert handled == [(version, kind) for version in spins for kind in kinds]


def check_status(up: CroupierUp) -> None:
    """Operators see the readers."""
    cluster: Any = up.api.person("ops", "GET", "/cluster").json()
    assert [reader["name"] for reader in cluster["readers"]] == READERS
    assert all(reader["reading"] and reader["pid"] for reader in cluster["readers"])
    breakers = {name: state for reader in cluster["readers"] for name, state in reader["breakers"].items()}
    assert breakers == dict.fromkeys(("archive", "audit", "bus", "webhook:pms", "mail", "pam"), "closed")
    shown = croupier("status", "--url", up.url, "--token", token("ops"))
    assert shown.returncode == 0 and all(name in shown.stdout for name in ("Readers of the journal", *READERS))
