"""What the gateway needs to know about the rest of the cluster, apart from the players themselves."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class ClusterPort(Protocol):
    """Answers from what this process already knows: none of these may block or raise."""

    def ready(self) -> tuple[bool, str]:
        """Whether spins can be served now, and in one sentence why not."""

    def cluster(self) -> Mapping[str, Any]:
        """Shards, epochs, slots, players, breakers: the JSON of `GET /cluster`."""

    def metric_targets(self) -> Sequence[Mapping[str, Any]]:
        """Prometheus HTTP service discovery: `{"targets": ["host:port"], "labels": {…}}` per gateway and shard."""

    def catalog_version(self) -> str:
        """The content hash of the catalog in force."""
