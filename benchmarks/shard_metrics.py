"""What the shards say about themselves: the histogram of handling a spin, and the CPU that snapshots take."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

HANDLE: Final = "spin_handle_seconds"
SNAPSHOT_CPU: Final = "shard_snapshot_cpu_seconds_total"
TIMEOUT_S: Final = 10

Metrics = Mapping[str, float]
"""Sample names with their `le`, if they have one: added up over shards."""


class Handling(NamedTuple):
    """Between two scrapes. Quantiles are the upper bounds of their buckets, µs; None where nothing tells."""

    spins: int
    p50_us: int | None
    p99_us: int | None
    snapshot_cpu_s: float | None


def scrape(url: str) -> Metrics:
    """All shards' samples, as the gateway at `url` lists them. Raises OSError."""
    with urllib.request.urlopen(f"{url}/metrics/targets", timeout=TIMEOUT_S) as answer:
        listed = json.load(answer)
    added: dict[str, float] = {}
    for entry in listed:
        if entry["labels"]["job"] == "croupier-shard":
            for target in entry["targets"]:
                with urllib.request.urlopen(f"http://{target}/metrics", timeout=TIMEOUT_S) as answer:
                    _add(added, answer.read().decode())
    return added


def _add(added: dict[str, float], text: str) -> None:
    for metric in text_string_to_metric_families(text):
        for sample in metric.samples:
            name = f"{sample.name} {sample.labels['le']}" if "le" in sample.labels else sample.name
            added[name] = added.get(name, 0.0) + sample.value


def between(before: Metrics, after: Metrics) -> Handling:
    """What happened between two scrapes of the same shards."""
    bucket = f"{HANDLE}_bucket "
    counts = {
        float(name.removeprefix(bucket)): after[name] - before.get(name, 0.0)
        for name in after
        if name.startswith(bucket)
    }
    snapshots = after[SNAPSHOT_CPU] - before.get(SNAPSHOT_CPU, 0.0) if SNAPSHOT_CPU in after else None
    return Handling(round(max(counts.values(), default=0)), _at(counts, 0.5), _at(counts, 0.99), snapshots)


def _at(counts: Mapping[float, float], share: float) -> int | None:
    """The bound, µs, of the bucket that holds this share of all; None if it is the last or nothing was counted."""
    total = max(counts.values(), default=0)
    reached = [bound for bound, count in counts.items() if count >= share * total]
    bound = min(reached, default=float("inf"))
    return None if not total or bound == float("inf") else round(bound * 1e6)
