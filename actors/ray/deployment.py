"""What all actors of one Croupier need to know, and how Ray is told to create them."""

from hashlib import blake2b
from typing import Any

import msgspec
import ray

from actors.settings import ClientSettings, ReaderPlan, ShardSettings, SupervisorSettings
from actors.stored_catalogs import CatalogContent

ACTOR_OPTIONS: dict[str, Any] = {
    "num_cpus": 0.01,  # any node with a CPU; a head started with none hosts nothing
    "lifetime": "detached",
    "max_task_retries": 0,
}
encode = msgspec.msgpack.encode


class Deployment(msgspec.Struct, frozen=True):
    """All that the actors of one Croupier need to know."""

    shard: ShardSettings
    client: ClientSettings
    supervisor: SupervisorSettings
    content: CatalogContent
    """The catalog to start with, its texts and files."""
    log_level: str = "INFO"
    instance: str = ""
    """The name under which this Croupier holds the term; the same for a supervisor that Ray restarts."""
    readers: tuple[ReaderPlan, ...] = ()
    """The readers of the journal that run."""
    take_over: bool = False
    """Whether the supervisor takes the term even from another instance that lives."""


def digest(deployment: bytes) -> str:
    """By which two deployments are told apart."""
    return blake2b(deployment, digest_size=16).hexdigest()


def node_address() -> str:
    """The address of this node within the Ray cluster."""
    return str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]


def node_id() -> str:
    """The name of this node within the Ray cluster: another one each time that Ray is started on it."""
    return str(ray.get_runtime_context().get_node_id())
