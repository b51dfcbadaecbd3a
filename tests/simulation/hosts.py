"""Hosts of the simulated world: each has its own clock, and whatever runs on it can be frozen and woken.

A task belongs to the host in whose context it was made; tasks it makes belong there, too. What belongs to no host
(customers, the store, the network) is never frozen.
"""

import asyncio
from contextvars import Context, ContextVar, copy_context

from snapshots.contract import Owner


class Host:
    """One process on a machine of its own. `clock_off_ms` is the error of its wall clock."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.clock_off_ms = 0
        self.alive = True
        """A dead host sends nothing any more."""
        self.frozen = False
        self.held: list[asyncio.Handle] = []
        """What would have run while it was frozen, in its order."""

    def context(self) -> Context:
        """A context for a task that runs here."""
        context = copy_context()
        context.run(RUNNING.set, self)
        return context


RUNNING: ContextVar[Host | None] = ContextVar("the host whose code runs", default=None)
RUNNING_NOWHERE = Context()
"""What is begun in it belongs to no host."""
