"""The Ray actor around the supervisor, which Ray restarts if it dies (rule 7)."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import ray

from actors.host.loop_thread import LoopThread
from actors.ray.cluster import RayCluster
from actors.ray.deployment import Deployment, node_address
from actors.ray.reader_cluster import RayReaderCluster
from actors.routing.client import ShardClient
from actors.supervision.ports import ActivationFailed, ShardDied
from actors.supervision.readers import ReaderWatch
from actors.supervision.supervisor import SupervisorProcess
from snapshots.errors import StoreError, TermHeld
from snapshots.opening import open_store

log = logging.getLogger("croupier.supervisor")


RESTART_PAUSE_S = 1.0


class Supervisor:
    """The Ray actor around `SupervisorProcess`: named, detached, and restarted by Ray if it dies (rule 7)."""

    def __init__(self, deployment: bytes) -> None:
        config = msgspec.msgpack.decode(deployment, type=Deployment)
        logging.basicConfig(level=config.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        self._thread = LoopThread("supervisor")
        self._failure: str | None = None
        self._lost: str | None = None
        self._process: SupervisorProcess | None = None
        restarted = ray.get_runtime_context().was_current_actor_reconstructed
        if restarted:  # another instance that took the term meanwhile keeps it
            config = msgspec.structs.replace(config, take_over=False)
        while self._process is None and self._failure is None and self._lost is None:
            try:
                self._process = self._thread.call(_supervising(config, deployment))
            except (StoreError, ActivationFailed, ShardDied) as failure:
                self._give_up_or_wait(failure, restarted)

    def _give_up_or_wait(self, failure: Exception, restarted: bool) -> None:
        """At a start, whoever started Croupier is told at once.

        A supervisor that Ray restarted has nobody to tell, so it tries again.
        """
        if not restarted:
            self._failure = str(failure)
        elif isinstance(failure, TermHeld):
            log.error("the restarted supervisor has lost its term: %s", failure)
            self._lost = str(failure)
        else:
            log.error("the restarted supervisor can't take over yet: %s", failure)
            time.sleep(RESTART_PAUSE_S)

    def failure(self) -> str | None:
        """Why it could not start; None if all shards serve."""
        return self._failure

    def lost(self) -> str | None:
        """Why it is not the store's supervisor any more; None while it is."""
        return self._lost if self._process is None else self._process.lost

    def term(self) -> int:
        """The current term."""
        return self._running().term

    def recoveries_ms(self) -> list[int]:
        """How long each recovery took, in milliseconds, from the notice of the death to serving again."""
        return list(self._running().recoveries_ms)

    def move(self, slots: Sequence[int], gainer: str) -> None:
        """Moves slots to a live shard."""
        self._thread.call(self._running().move(slots, gainer))

    def handed_over(self) -> bool:
        """See `SupervisorProcess.handed_over`."""
        return self._process is None or self._process.handed_over()

    def stop(self) -> None:
        """Drains all shards and ends their processes."""
        if self._process is not None or self._lost is None:
            self._thread.call(self._running().stop())

    def _running(self) -> SupervisorProcess:
        if self._process is None:
            raise RuntimeError("the supervisor did not start")
        return self._process


async def _supervising(config: Deployment, deployment: bytes) -> SupervisorProcess:
    store = open_store(config.shard.store_url)
    await store.open()
    client = ShardClient(store.routing, config.shard.cluster_secret, config.client)
    await client.start()
    shard = config.shard
    bind_host = shard.bind_host or node_address()
    process = SupervisorProcess(
        store=store,
        cluster=RayCluster(deployment),
        client=client,
        settings=config.supervisor,
        catalog=config.content,
        lease_ms=shard.lease_ms,
        cluster_secret=shard.cluster_secret,
        bind_host=bind_host,
        holder=config.instance,
        take_over=config.take_over,
        readers=ReaderWatch(config.readers, RayReaderCluster(deployment)),
    )
    await process.start()
    return process


supervisor_actor: Any = ray.remote(Supervisor)
