"""The term of a supervisor from the day it is taken until another supervisor takes the next one (rule 7)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from actors.host.trouble import Trouble
from actors.supervision.terms import take_term
from snapshots.contract import Routing, Store
from snapshots.errors import Fenced, StoreError

log = logging.getLogger("croupier.supervisor")


async def _at_once() -> None:
    """Nobody has to be waited for."""


class HeldTerm:
    """`number` is 0 before `take`. `over`: this supervisor replaces and moves nothing any more.

    `lost` says why it is not the store's supervisor any more; None while it is, or if it stops by itself.
    """

    def __init__(self, store: Store, holder: str, lease_ms: int, renew_ms: int) -> None:
        self.number = 0
        self.over = False
        self.taken_from_living = False
        """Whether another instance held the term and lived; then its shards go on until they are claimed."""
        self.lost: str | None = None
        self.on_lost: Callable[[], None] = lambda: None
        self.living_first: Callable[[], Awaitable[None]] = _at_once
        self.before_taking_over: Callable[[], Awaitable[None]] = _at_once
        """Awaited before the term of an instance that lives is taken; whatever it raises keeps that from happening."""
        self._store, self._holder, self._renew_s = store, holder, renew_ms / 1000
        self._lease_ms = lease_ms if holder else 0

    async def take(self, take_over: bool) -> None:
        """Takes the next term. Raises TermHeld if another instance holds it and lives; then nothing was changed.

        Raises what `before_taking_over` does; then the other instance goes on.
        """
        former = await self._store.term_lease()
        self.taken_from_living = take_over and bool(former.left_ms) and former.holder not in ("", self._holder)
        if self.taken_from_living:
            await self.before_taking_over()
        self.number = await take_term(self._store, self._holder, self._lease_ms, take_over)

    async def renew(self) -> None:
        """Renews the lease until the term is over."""
        trouble = Trouble(log, "the supervisor can't renew its term")
        while True:
            await asyncio.sleep(self._renew_s)
            if self.over:  # a cancellation may get lost in what was awaited
                return
            try:
                await self._store.hold_term(self.number, self._lease_ms)
                trouble.over()
            except Fenced as refusal:
                if await self.is_over(refusal):
                    return
            except StoreError as failure:
                trouble.met(failure)

    def lose(self, refusal: Fenced) -> None:
        """Another supervisor has taken a term: this one replaces nobody any more."""
        if self.lost is None:
            log.warning("another supervisor has taken over: %s", refusal)
            self.lost = str(refusal)
            self.on_lost()
        self.over = True

    async def is_over(self, refusal: Fenced) -> bool:
        """A write under this term was refused. Either another supervisor has taken a term, which `lose` notes; or the
        store had lost the term (rule 15), which is told again; or the refusal has another reason.
        """
        try:
            await self.table()
        except Fenced:
            self.lose(refusal)
        except StoreError as failure:
            log.warning("whether the term is over can't be told yet: %s", failure)
        return self.over

    async def routing(self) -> Routing:
        """As `table`, once all living shards follow the store's history: control writes may follow (rule 15)."""
        await self.living_first()
        return await self.table()

    async def table(self) -> Routing:
        """The table. Raises Fenced if another supervisor has taken a term."""
        routing = await self._store.routing()
        if 0 < routing.term < self.number or (self.number and not routing.term):
            log.warning("the store had lost term %d, and was at %d", self.number, routing.term)
            await self._store.take_term_again(self.number, self._holder, self._lease_ms)
            routing = await self._store.routing()
        if routing.term != self.number:
            raise Fenced(f"term {self.number} is over, the store is at {routing.term}")
        return routing
