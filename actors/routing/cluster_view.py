"""The cluster as one gateway sees it: the routing table and what each shard says of itself, kept fresh."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from actors.routing.asking_readers import reader_states
from actors.routing.client import ShardClient
from actors.wire.cluster_requests import ClusterReport, ClusterStatus, Operation
from actors.wire.frames import ReaderState, ShardReport
from snapshots.contract import Routing, ShardRow

log = logging.getLogger("croupier.client")

REFRESH_S = 2.0
REPORT_TIMEOUT_S = 1.0


class ClusterView:
    """Answers at once from what is known. `run` keeps that fresh until it is cancelled."""

    def __init__(self, client: ShardClient, gateway_target: str) -> None:
        self._client, self._gateway_target = client, gateway_target
        self._reports: dict[str, ShardReport] = {}
        self._readers: Sequence[ReaderState] = ()
        self._cluster = ClusterReport(None, {})

    async def run(self) -> None:
        """Asks every shard about itself, and the supervisor about readers, every two seconds."""
        while True:
            rows = list(self._routing.shards.values()) if self._routing else []
            reports = await asyncio.gather(*(self._ask(row) for row in rows if row.address is not None))
            self._reports = {report.shard_id: report for report in reports if report is not None}
            self._readers, self._cluster = await asyncio.gather(self._ask_readers(), self._ask_cluster())
            await asyncio.sleep(REFRESH_S)

    async def _ask(self, row: ShardRow) -> ShardReport | None:
        try:
            return await self._client.report(row, REPORT_TIMEOUT_S)
        except (OSError, TimeoutError) as failure:
            log.info("shard %s does not report: %s", row.shard_id, failure)
            return None

    async def _ask_cluster(self) -> ClusterReport:
        """What the supervisor says of operations and nodes; what it said last while it does not answer."""
        supervisor = self._routing.supervisor if self._routing is not None else None
        try:
            answer = await self._client.control(supervisor, ClusterStatus(), REPORT_TIMEOUT_S)
        except (OSError, TimeoutError) as failure:
            log.info("the supervisor does not report on operations: %s", failure)
            return self._cluster
        return answer if isinstance(answer, ClusterReport) else self._cluster

    async def _ask_readers(self) -> Sequence[ReaderState]:
        if self._routing is None or self._routing.supervisor is None:
            return ()
        try:
            return (await reader_states(self._client, REPORT_TIMEOUT_S)).readers
        except (OSError, TimeoutError) as failure:
            log.info("the supervisor does not report on readers: %s", failure)
            return [replace(state, trouble="the supervisor does not report") for state in self._readers]

    @property
    def _routing(self) -> Routing | None:
        return self._client.routing

    def ready(self) -> tuple[bool, str]:
        """Whether every slot has a serving shard; if not, which have none."""
        routing = self._routing
        if routing is None:
            return False, "the routing table has not been read yet"
        serving = {row.shard_id for row in routing.shards.values() if self._serves(row)}
        down = sorted({shard_id or "nobody" for shard_id in routing.slots if shard_id not in serving})
        return not down, f"not serving: {', '.join(down)}" if down else "ready"

    def not_writing(self) -> str:
        """Which shards' appends the store refuses, or leaves unanswered, by their last report; "" if none."""
        reports = self._reports.values()
        names = sorted(report.shard_id for report in reports if report.journal_breaker != "closed")
        return f"the store takes no appends of {', '.join(names)}" if names else ""

    def _serves(self, row: ShardRow) -> bool:
        """A dead shard that may have gone on without the store keeps its address until its fallback file is found."""
        unreachable = row.fallback is not None and self._client.breakers.state(row.shard_id) != "closed"
        return row.address is not None and not unreachable

    def cluster(self) -> dict[str, Any]:
        """The JSON of `GET /cluster`."""
        routing = self._routing
        if routing is None:
            return {"term": 0, "shards": [], "dedicated": {}, "readers": [], "operation": None}
        shards = [self._shard(routing, row) for row in routing.shards.values() if row.owner is not None]
        operation = self._cluster.operation
        return {
            "term": routing.term,
            "shards": shards,
            "dedicated": dict(routing.dedicated),
            "readers": [_reader(state) for state in self._readers],
            "operation": None if operation is None else operation_json(operation),
        }

    def _shard(self, routing: Routing, row: ShardRow) -> dict[str, Any]:
        report = self._reports.get(row.shard_id)
        return {
            "shard_id": row.shard_id,
            "epoch": row.epoch,
            "serving": self._serves(row),
            "on_fallback": report.on_fallback if report else None,
            "node": self._cluster.nodes.get(row.shard_id) or None,
            "pid": row.owner.pid if row.owner else None,
            "address": f"{row.address.host}:{row.address.port}" if row.address else None,
            "slots": sum(shard_id == row.shard_id for shard_id in routing.slots),
            "resident_players": report.resident_players if report else None,
            "dirty_players": report.dirty_players if report else None,
            "pending_entries": report.pending_entries if report else None,
            "breakers": self._breakers(row, report),
        }

    def _breakers(self, row: ShardRow, report: ShardReport | None) -> dict[str, str]:
        """This gateway's breaker of its connection to the shard, and the shard's breaker of its journal, by name."""
        connection = {"connection": self._client.breakers.state(row.shard_id)}
        return connection | ({"journal": report.journal_breaker} if report else {})

    def metric_targets(self) -> Sequence[dict[str, Any]]:
        """Prometheus HTTP service discovery: this gateway, every serving shard, every reader."""
        targets = [{"targets": [self._gateway_target], "labels": {"job": "croupier-gateway"}}]
        for row in self._routing.shards.values() if self._routing else ():
            if row.address is not None and row.address.metrics_port:
                target = f"{row.address.host}:{row.address.metrics_port}"
                targets.append({"targets": [target], "labels": {"job": "croupier-shard", "shard": row.shard_id}})
        for state in self._readers:
            if state.metrics_port:
                labels = {"job": "croupier-reader", "reader": state.name}
                targets.append({"targets": [f"{state.host}:{state.metrics_port}"], "labels": labels})
        return targets


def operation_json(operation: Operation) -> dict[str, Any]:
    """The JSON of a live operation."""
    return {
        "number": operation.number,
        "kind": operation.kind,
        "asked": operation.asked,
        "by": operation.by,
        "state": operation.state,
        "trouble": operation.trouble or None,
        "began_at": _rfc3339(operation.began_ms),
        "ended_at": _rfc3339(operation.ended_ms) if operation.ended_ms else None,
        "slots_moved": operation.slots_moved,
        "slots_left": operation.slots_left,
        "shards_done": operation.shards_done,
        "shards_left": operation.shards_left,
        "longest_wait_ms": operation.longest_wait_ms,
    }


def _rfc3339(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reader(state: ReaderState) -> dict[str, Any]:
    return {
        "name": state.name,
        "pid": state.pid or None,
        "reading": not state.trouble,
        "trouble": state.trouble or None,
        "lag_seconds": round(state.lag_s, 3),
        "lag_records": state.lag_records,
        "breakers": state.breakers,
    }
