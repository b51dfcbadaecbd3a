"""The Ray actor around one reader of the journal.

Ray never restarts it: the supervisor replaces a reader that died. What runs in it is named by dotted paths, because the
readers themselves stand above the actors.
"""

import logging
import os
import threading
from typing import Any

import msgspec
import ray
from prometheus_client import CollectorRegistry, start_http_server

from actors.host.importing import imported
from actors.host.loop_thread import LoopThread
from actors.ray.deployment import Deployment, encode, node_address
from actors.routing.breaker import states_shown
from actors.supervision.reader_ports import Progress, Runner, RunningReader
from actors.wire.frames import ReaderState

EXIT_FENCED = 3


class Reader:
    """One reader process. Ray calls arrive on its threads; the work happens on its own uvloop.

    No method may be a coroutine, as in `PlayerShard`.
    """

    def __init__(self, deployment: bytes, name: str) -> None:
        config = msgspec.msgpack.decode(deployment, type=Deployment)
        logging.basicConfig(level=config.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        plan = next(plan for plan in config.readers if plan.name == name)
        self._name, self._host = name, config.shard.bind_host or node_address()
        self._thread = LoopThread("reader")
        self._ended = threading.Event()
        registry = self._registry = CollectorRegistry()
        server, _ = start_http_server(0, addr=self._host, registry=registry)
        self._metrics_port = server.server_port
        runner: Runner = imported(plan.runner)
        self._reader: RunningReader = self._thread.call(
            _started(runner, plan, config.shard.store_url, registry, self._end)
        )

    def _end(self, reason: str) -> None:
        logging.getLogger("croupier.reader").warning("reader %s ends: %s", self._name, reason)
        os._exit(EXIT_FENCED)

    def state(self) -> bytes:
        found = self._thread.call(_progress(self._reader))
        return encode(
            ReaderState(
                name=self._name,
                pid=os.getpid(),
                trouble=found.trouble,
                lag_s=found.lag_s,
                lag_records=found.lag_records,
                host=self._host,
                metrics_port=self._metrics_port,
                breakers=states_shown(self._registry),
            )
        )

    def ask(self, request: bytes) -> bytes:
        return self._thread.call(self._reader.ask(request))

    def settle(self, within_s: float) -> bool:
        settled = self._thread.call(self._reader.settle(within_s))
        self._thread.call(self._reader.close())
        return settled

    def live(self) -> None:
        """Never returns. If the process dies, the call fails, and so the death is noticed."""
        self._ended.wait()


async def _progress(reader: RunningReader) -> Progress:
    """Asked on the reader's own loop, so that a loop that is stuck does not answer."""
    return reader.progress()


async def _started(runner: Runner, *arguments: Any) -> RunningReader:
    return await runner(*arguments)


reader_actor: Any = ray.remote(Reader)
