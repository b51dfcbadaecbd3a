"""The Ray actor around one shard process.

Ray never restarts it and never retries its calls (rule 1): the supervisor replaces a shard that died, by a new claim.
"""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import ray

from actors.host.garbage import rarely_collect_garbage
from actors.host.loop_thread import LoopThread
from actors.host.processes import this_process
from actors.ray.deployment import Deployment, digest, encode, node_address, node_id
from actors.supervision.ports import Found, Identity
from actors.supervision.shard_process import ShardProcess

EXIT_FENCED = 3


class PlayerShard:
    """The Ray actor around one `ShardProcess`. Ray calls arrive on its threads; the work happens on its own uvloop.

    No method of the actor classes may be a coroutine: Ray would then run all of them on one loop, and `live` would
    block every other call.
    """

    def __init__(self, deployment: bytes) -> None:
        config = msgspec.msgpack.decode(deployment, type=Deployment)
        logging.basicConfig(level=config.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        self._thread = LoopThread("shard")
        self._process = self._thread.call(_prepared(config, self._end))
        self._retired = threading.Event()
        self._settings = digest(deployment)
        rarely_collect_garbage()

    def _end(self, reason: str) -> None:
        """The last replies get a moment to leave; then the process is gone."""
        self._thread.loop.call_later(0.2, os._exit, EXIT_FENCED)

    def identity(self) -> bytes:
        return encode(self._identity())

    def adopt(self, term: int, settings: str) -> bytes:
        self._thread.call(self._process.heed(term))
        return encode(Found(self._identity(), not self._process.asked and settings == self._settings))

    def _identity(self) -> Identity:
        return Identity(this_process(), self._process.incarnation, node_id())

    def activate(self, shard_id: str, history: str, term: int) -> bytes:
        return encode(self._thread.call(self._process.activate(shard_id, history, term)))

    def release(self, term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str) -> bytes:
        return encode(self._thread.call(self._process.release(term, slots, dedicated, gainer)))

    def gain(self) -> None:
        self._thread.call(self._process.gain())

    def drain(self) -> None:
        self._thread.call(self._process.drain())
        self._retired.set()

    def live(self) -> None:
        """Returns when the shard has retired. If the process dies, the call fails, and so the death is noticed."""
        self._retired.wait()


async def _prepared(config: Deployment, on_end: Callable[[str], None]) -> ShardProcess:
    # Empty: the shard takes this node's address, as Ray knows it, so that gateways on other hosts can reach it.
    bind_host = config.shard.bind_host or node_address()
    settings = msgspec.structs.replace(config.shard, bind_host=bind_host)
    process = ShardProcess(settings, config.content.catalog, on_end)
    await process.prepare()
    return process


shard_actor: Any = ray.remote(PlayerShard)
