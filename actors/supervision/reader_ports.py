"""What the supervisor needs from whatever runs readers of the journal. Ray is behind it in production."""

from collections.abc import Callable
from typing import Protocol

import msgspec
from prometheus_client import CollectorRegistry

from actors.settings import ReaderPlan
from actors.wire.frames import ReaderState


class Progress(msgspec.Struct, frozen=True):
    """How a reader does. `trouble` is why it does not read now, else empty. `lag_s` is that of the worst shard."""

    trouble: str
    lag_s: float
    lag_records: int


class RunningReader(Protocol):
    """A reader in its process, as the plan's runner has started it."""

    def progress(self) -> Progress:
        """What is known without asking anybody."""

    async def ask(self, request: bytes) -> bytes:
        """Passes a question on to the reader's sink. Raises an exception whose message is for the operator."""

    async def settle(self, within_s: float) -> bool:
        """Waits for a bounded time until all that is in the journal has left for good; whether it has."""

    async def close(self) -> None:
        """Ends the reader; what is not settled is read again by the next one."""


class Runner(Protocol):
    """What `ReaderPlan.runner` names. `on_end(reason)` is called when the process must exit."""

    async def __call__(
        self, plan: ReaderPlan, store_url: str, registry: CollectorRegistry, on_end: Callable[[str], None]
    ) -> RunningReader:
        """Starts the reader. Raises StoreError."""


class ReaderHandle(Protocol):
    """One reader process. Every call raises ReaderDied if the process is dead, or dies meanwhile."""

    async def state(self) -> ReaderState:
        """Answers once the process has started."""

    async def ask(self, request: bytes) -> bytes:
        """See RunningReader. Raises ReaderRefused with a sentence for the operator."""

    async def settle(self, within_s: float) -> bool:
        """See RunningReader."""

    async def dead(self) -> None:
        """Returns when the process is known to be dead, never before."""

    def dismiss(self) -> None:
        """Ends a process that has settled. This is its regular end, not an accident."""

    def kill(self) -> None:
        """Ends the process without ceremony."""


class ReaderCluster(Protocol):
    """Where reader processes come from."""

    def launch(self, plan: ReaderPlan) -> ReaderHandle:
        """Starts a process."""

    async def existing(self) -> list[ReaderHandle]:
        """Processes started by an earlier supervisor that still run."""


class ReaderDied(Exception):
    """The reader process is gone."""


class ReaderRefused(Exception):
    """The reader did not do what it was asked. The message says why."""
