"""Debian's Prometheus scrapes a running Croupier by the configuration that is shipped: every panel shows something."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from deploy.dashboards import DASHBOARDS
from tests.support.bus_in import Event, produce
from tests.support.croupier_up import CroupierUp, register
from tests.support.everything import BUS_IN_PORT, everything, kafka_with_topics
from tests.support.kafka import MockKafka
from tests.support.prometheus import ROOT, Prometheus
from tests.support.promql import named
from tests.support.webhook_receiver import Receiver

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

SCRAPE = "1s"
PATIENCE_S = 60
NOT_HERE = {
    "catalog_followed": "no gateway watches a folder",
    "catalog_refused_total": "no gateway watches a folder",
    "bus_out_stopped": "told while the bus rests",
    "audit_publish_waiting": "checkpoints are published nowhere",
    "audit_published_total": "checkpoints are published nowhere",
    "audit_publish_failures_total": "checkpoints are published nowhere",
    "reports_delivered_total": "no report is scheduled",
    "reports_delivery_failures_total": "no report is scheduled",
    "reports_overdue_seconds": "no report is scheduled",
    "report_unreconciled_total": "no report is asked for",
}
"""Metrics that this scenario does not bring about, and why. Their panels show 0."""


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with kafka_with_topics() as cluster:
        yield cluster


def configured(folder: Path, up: CroupierUp) -> Path:
    """The configuration for one machine, at this server's ports, with a quick pace."""
    text = (ROOT / "deploy/prometheus/local.yml").read_text()
    text = text.replace("15s", SCRAPE).replace("127.0.0.1:8080", f"127.0.0.1:{up.port}")
    text = text.replace("127.0.0.1:9100", f"127.0.0.1:{BUS_IN_PORT}")
    path = folder / "prometheus.yml"
    path.write_text(text.replace("alerts.yml", str(ROOT / "deploy/prometheus/alerts.yml")))
    return path


def play(up: CroupierUp, kafka: MockKafka, name: str) -> None:
    """A player who deposits, gets a bonus, plays, asks for a receipt, withdraws, and is paid by the bus; and one whom
    nobody knows.
    """
    register(up.api, name, 3_000)
    for _ in range(20):
        target = f"/spin?player_id={name}&game_id=book-of-dunes&mode=real&bet=10&win=20"
        spun = up.api.game("POST", target)
        assert spun.status_code == 200
    asked_receipt = up.api.platform("GET", f"/players/{name}/receipts/{spun.json()['session_id']}")
    assert asked_receipt.status_code < 500, asked_receipt.text
    asked = {"amount": 100, "forfeit_bonuses": True}
    withdrawal = up.api.platform("POST", f"/players/{name}/withdrawals", asked).json()["withdrawal_id"]
    confirmed = up.api.platform("POST", f"/players/{name}/withdrawals/{withdrawal}/confirm", {})
    assert confirmed.status_code == 200, confirmed.text
    produce(kafka, Event(name, {"amount": 700}), Event("nobody", {"amount": 1}))


def finite(series: list[dict[str, Any]]) -> bool:
    """Whether there is a number in it."""
    return any(not math.isnan(float(one["value"][1])) for one in series)


def empty_panels(prometheus: Prometheus) -> dict[str, str]:
    """Queries that show nothing, by dashboard and panel."""
    asked = [
        (f"{dashboard.uid}: {panel.title}", query.expr.replace("$__rate_interval", "1m"))
        for dashboard in DASHBOARDS
        for panel in dashboard.panels()
        for query in panel.queries
    ]
    return {where: expr for where, expr in asked if not finite(prometheus.query(expr))}


def missing_metrics(prometheus: Prometheus) -> set[str]:
    """Metrics of the dashboards that nobody exports here."""
    wanted = {
        name
        for dashboard in DASHBOARDS
        for panel in dashboard.panels()
        for query in panel.queries
        for name in named(query.expr).metrics
    }
    return wanted - set(prometheus.ask("label/__name__/values")) - NOT_HERE.keys()


async def until_none(what: str, left_now: Callable[[], Any], meanwhile: Callable[[], Any] = lambda: None) -> None:
    """Looks every second, and does something in between."""
    deadline = time.monotonic() + PATIENCE_S
    while left := await asyncio.to_thread(left_now):
        assert time.monotonic() < deadline, f"{what}: {left}"
        await asyncio.to_thread(meanwhile)
        await asyncio.sleep(1)


def unreached(prometheus: Prometheus) -> set[str]:
    """Jobs that are not scraped yet."""
    up = {one["metric"]["job"] for one in prometheus.query("up == 1")}
    return {"croupier-gateway", "croupier-shard", "croupier-reader", "croupier-bus-in"} - up


async def test_every_panel_shows_something(tmp_path: Path, kafka: MockKafka) -> None:
    receiver: Receiver
    async with everything(tmp_path, kafka) as (up, receiver, house):
        prometheus = await asyncio.to_thread(lambda: Prometheus(tmp_path, configured(tmp_path, up)))
        try:
            await until_none("all processes are found", lambda: unreached(prometheus))
            players = count(1)
            one_more = lambda: play(up, kafka, f"player-{next(players)}")  # noqa: E731
            await asyncio.to_thread(one_more)
            await receiver.until_accepted(2)
            await house.until(lambda: bool(house.mail.mails), 30)
            await until_none("metrics nobody exports", lambda: missing_metrics(prometheus), one_more)
            await until_none("empty panels", lambda: empty_panels(prometheus), one_more)
            alerts = await asyncio.to_thread(lambda: prometheus.ask("alerts")["alerts"])
            assert {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"} <= {
                "CroupierDeliveriesLost"
            }
        finally:
            await asyncio.to_thread(prometheus.stop)
