"""Ray itself and the supervisor, as `croupier up` starts and stops them."""

import logging
import socket
import time
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayActorError

from actors.ray.deployment import ACTOR_OPTIONS, Deployment, encode
from actors.ray.supervisor_actor import supervisor_actor

log = logging.getLogger("croupier.supervisor")

SUPERVISOR = "supervisor"
START_TIMEOUT_S = 120
CONNECT_TIMEOUT_S = 10
STOP_TIMEOUT_S = 60
STOP_AGAIN_S = 0.2
LOST_TIMEOUT_S = 2
OBJECT_STORE_BYTES = 80 * 1024 * 1024
"""Ray's smallest object store: Croupier keeps nothing in it."""


def start_ray(address: str | None, namespace: str) -> None:
    """Starts a Ray of our own (no address), or joins the one at `address`. Raises OSError, RuntimeError, ValueError."""
    options: dict[str, Any] = {"namespace": namespace, "log_to_driver": False, "logging_level": "error"}
    if address is None:
        options |= {"address": "local", "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    else:
        _check_reachable(address)
        options["address"] = address
    ray.init(**options)


def _check_reachable(address: str) -> None:
    """Raises OSError if nobody listens there. Ray itself takes minutes to notice that."""
    host, _, port = address.rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()


class RunningSupervisor:
    """The starter's handle on the Supervisor actor."""

    def __init__(self, deployment: Deployment) -> None:
        options = {**ACTOR_OPTIONS, "max_restarts": -1, "max_concurrency": 4, "get_if_exists": True}
        self._actor = supervisor_actor.options(name=SUPERVISOR, **options).remote(encode(deployment))

    @staticmethod
    def exists() -> bool:
        """Whether the Ray cluster that was joined runs this store's supervisor already."""
        try:
            ray.get_actor(SUPERVISOR)
        except ValueError:
            return False
        return True

    def wait_ready(self) -> str | None:
        """Waits until all shards serve; answers the reason if they can't. In that case the supervisor is removed."""
        try:
            failure: str | None = ray.get(self._actor.failure.remote(), timeout=START_TIMEOUT_S)
        except GetTimeoutError:
            return f"the supervisor did not start within {START_TIMEOUT_S} s"
        except RayActorError as death:
            return f"the supervisor died: {death}"
        if failure is not None:
            ray.kill(self._actor, no_restart=True)
        return failure

    def lost(self) -> str | None:
        """See `Supervisor.lost`.

        None also if the supervisor doesn't answer, as while it is being restarted.
        """
        try:
            lost: str | None = ray.get(self._actor.lost.remote(), timeout=LOST_TIMEOUT_S)
        except (GetTimeoutError, RayActorError):
            return None
        return lost

    def recoveries_ms(self) -> list[int]:
        """See `Supervisor.recoveries_ms`."""
        recoveries: list[int] = ray.get(self._actor.recoveries_ms.remote(), timeout=STOP_TIMEOUT_S)
        return recoveries

    def move(self, slots: Sequence[int], gainer: str) -> None:
        """See `Supervisor.move`."""
        ray.get(self._actor.move.remote(list(slots), gainer), timeout=STOP_TIMEOUT_S)

    def handed_over(self) -> bool:
        """See `Supervisor.handed_over`. True also if the supervisor does not answer."""
        try:
            over: bool = ray.get(self._actor.handed_over.remote(), timeout=LOST_TIMEOUT_S)
        except (GetTimeoutError, RayActorError):
            return True
        return over

    def stop(self) -> None:
        """Drains everything; the shards are gone when it returns.

        If Ray is restarting the supervisor, it waits for that.
        """
        until = time.monotonic() + STOP_TIMEOUT_S
        while True:
            try:
                ray.get(self._actor.stop.remote(), timeout=STOP_TIMEOUT_S)
                break
            except ActorUnavailableError:
                if time.monotonic() > until:
                    raise
                time.sleep(STOP_AGAIN_S)
        ray.kill(self._actor, no_restart=True)


def stop_ray() -> None:
    """Leaves the Ray cluster; ends it if it is our own."""
    ray.shutdown()
