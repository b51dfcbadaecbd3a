"""All metrics that the product exports, with their labels, as its own registries tell them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.process_collector import ProcessCollector

from actors.metrics.shard import ShardMetrics
from croupier.deploying.watching import WatchMetrics
from croupier.running.report_children import ReportChildren
from croupier.settings import Settings
from feeds.archive.metrics import ArchiveMetrics
from feeds.audit.metrics import AuditMetrics
from feeds.behind import BehindAlert, BehindLimits
from feeds.bus.incoming.metrics import BusInMetrics
from feeds.bus.metrics import BusMetrics
from feeds.following.metrics import ReaderMetrics
from feeds.notifications.metrics import NoticeMetrics
from feeds.reports.schedules.keeper import ScheduleMetrics
from feeds.webhooks.metrics import WebhookMetrics
from gateway.access.rates import Rates
from gateway.figures import HouseFigures
from gateway.metrics import GatewayMetrics
from tests.support.gateway_doubles import MemoryControlLog, QuietCluster, ScriptedControl

Metrics = dict[str, frozenset[str]]
"""Labels by name. The name is as Prometheus stores it: with `_total`, or a histogram's `_bucket`, `_sum`, `_count`."""

TARGET_LABELS = {"gateway": (), "shard": ("shard",), "reader": ("reader",), "bus-in": ()}
"""What `GET /metrics/targets` adds to every metric of a process, beside job and instance."""
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "info": ("_info",)}


def exported() -> Metrics:
    """By name; a name that several processes export has the labels of all of them."""
    found: Metrics = {"up": frozenset({"job", "instance", "shard", "reader"})}
    for process, registry in _registries().items():
        for name, labels in _of(registry):
            found[name] = found.get(name, frozenset()) | labels | {"job", "instance", *TARGET_LABELS[process]}
    return found


def _registries() -> dict[str, CollectorRegistry]:
    gateway = GatewayMetrics()
    figures = HouseFigures(QuietCluster(""), ScriptedControl(), MemoryControlLog())
    asyncio.run(figures.refresh())
    gateway.registry.register(figures)
    WatchMetrics(gateway.registry)
    gateway.registry.register(Rates())
    gateway.registry.register(ReportChildren(Settings(store="", catalog=Path()), None).unreconciled)
    shard, bus_in = CollectorRegistry(), CollectorRegistry()
    shard.register(ShardMetrics())
    BusInMetrics(bus_in)
    ProcessCollector(registry=bus_in)
    GCCollector(registry=bus_in)
    registries = {"gateway": gateway.registry, "shard": shard, "bus-in": bus_in}
    return registries | {"reader": _readers()}


def _readers() -> CollectorRegistry:
    """What any reader may export; each has some of it."""
    joined = CollectorRegistry()
    joined.register(ReaderMetrics(holds_journal=True))
    BehindAlert("archive", BehindLimits(), joined)
    for make in (ArchiveMetrics, AuditMetrics, BusMetrics, NoticeMetrics, ScheduleMetrics, WebhookMetrics):
        own = CollectorRegistry()  # each has a breaker_state
        make(own)
        for collector in list(own._collector_to_names):
            joined._collector_to_names[collector] = []
    return joined


def _of(registry: CollectorRegistry) -> Iterator[tuple[str, frozenset[str]]]:
    for collector in list(registry._collector_to_names):
        families: Any = [collector] if isinstance(collector, MetricWrapperBase) else collector.collect()
        for family in families:
            yield from _names(family)


def _names(family: Any) -> Iterator[tuple[str, frozenset[str]]]:
    wrapped = isinstance(family, MetricWrapperBase)
    name, kind = (family._name, family._type) if wrapped else (family.name, family.type)
    for suffix in SUFFIXES[kind]:
        labels = {*family._labelnames, *(("le",) if suffix == "_bucket" else ())}
        yield name + suffix, frozenset(labels)
