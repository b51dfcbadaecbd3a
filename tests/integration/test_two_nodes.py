"""Two Ray nodes: one that joins gets shards, and one that is drained loses them all, while spins go on."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.load import Load
from tests.integration.test_live_operations import SECRET, command
from tests.support.croupier_up import CroupierUp, wait_until

pytestmark = [pytest.mark.timeout(400), pytest.mark.long]


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A head with room for processes; further nodes can be added."""
    monkeypatch.setenv("RAY_worker_niceness", "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    yield cluster
    cluster.shutdown()


def nodes(server: CroupierUp) -> Counter[str]:
    """How many shards run on each node."""
    return Counter(shard["node"] for shard in server.api.shards().values())


def test_a_node_that_joins_gets_shards_and_takes_what_a_drained_one_had(ray_cluster, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    head = ray_cluster.head_node.node_id
    options = ("--shards", "2", "--spares", "1", "--ray-address", ray_cluster.address)
    server = CroupierUp(tmp_path / "up", f"sqlite:{tmp_path / 'store'}", *options, CROUPIER_CLUSTER_SECRET=SECRET)
    try:
        wait_until("the gateway knows the node", lambda: nodes(server) == {head: 2})
        joined = ray_cluster.add_node(num_cpus=1).node_id
        with Load(server, "nodes", count=8) as load:
            command(server, "scale", "--shards", "3")
            wait_until("the third is on the new node", lambda: nodes(server) == {head: 2, joined: 1})
            command(server, "drain", "--node", head[:12])
            wait_until("the gateway shows where they are", lambda: nodes(server) == {joined: 3})
            load.more_spins(100)
        load.reconcile()
        assert load.retries == 0
        assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.kill_everything()
