"""What a destination is owed: the newest checkpoint, and every day's last one, for as long as it takes."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from actors.routing.breaker import Breaker
from feeds.audit.metrics import AuditMetrics
from feeds.audit.publishing.carriers import Carrier, Undelivered
from feeds.audit.signed import Signed
from feeds.reading import Notes, SinkFailed
from snapshots.archive.place import Bucket
from snapshots.audit import checkpoints
from snapshots.audit.checkpoints import Stored
from snapshots.errors import StoreError

log = logging.getLogger("croupier.audit")

RETRY_FIRST_S: Final = 1.0
RETRY_MAX_S: Final = 60.0
DAYS_OWED_MAX: Final = 400
NOTE: Final = "audit:"


class _Delivered(msgspec.Struct):
    """What the destination has: names of checkpoints."""

    newest: str = ""
    day_end: str = ""


class Publisher:
    """One destination, by its name in the settings. `carrier` makes its carrier; it is called until it can."""

    def __init__(
        self,
        name: str,
        carrier: Callable[[], Carrier],
        daily: bool,
        bucket: Bucket,
        notes: Notes,
        metrics: AuditMetrics,
    ) -> None:
        self.breaker = Breaker(f"audit:{name}")
        self._name, self._make_carrier, self._daily = name, carrier, daily
        self._carrier: Carrier | None = None
        self._bucket, self._notes, self._metrics = bucket, notes, metrics
        self._ends: deque[Signed] = deque(maxlen=DAYS_OWED_MAX)
        self._newest: Signed | None = None
        self._delivered: _Delivered | None = None
        self._more = asyncio.Event()

    def offer(self, signed: Signed) -> None:
        """One more checkpoint. A later one makes an earlier one worthless, unless that one ends its day."""
        if signed.ends_day:
            self._ends.append(signed)
        elif not self._daily:
            self._newest = signed
        self._show()
        self._more.set()

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        delay_s = RETRY_FIRST_S
        while True:
            if self._delivered is not None and not self._owed():
                await self._more.wait()
            if self.breaker.allows() and await self._try():
                delay_s = RETRY_FIRST_S
            else:
                await asyncio.sleep(max(delay_s, self.breaker.left_s))
                delay_s = min(2 * delay_s, RETRY_MAX_S)

    def _owed(self) -> Signed | None:
        return self._ends[0] if self._ends else self._newest

    async def _try(self) -> bool:
        self._more.clear()
        try:
            if self._delivered is None:
                await self._begin()
            elif (signed := self._owed()) is not None:
                await self._carry(signed)
        except (Undelivered, SinkFailed, StoreError) as failure:
            self._failed(str(failure))
            return False
        except Exception as failure:
            log.exception("audit destination %s failed", self._name)
            self._failed(repr(failure))
            return False
        except BaseException:
            self.breaker.gave_up()
            raise
        self.breaker.succeeded()
        return True

    def _failed(self, why: str) -> None:
        self._metrics.publish_failures.labels(self._name).inc()
        self.breaker.failed(why)
        log.warning("a checkpoint waits for audit destination %s: %s", self._name, why)

    async def _carry(self, signed: Signed) -> None:
        if self._carrier is None:
            self._carrier = self._make_carrier()
        await self._carrier.carry(signed)
        delivered = self._delivered or _Delivered()
        if signed.ends_day:
            delivered.day_end = signed.name
            self._ends.remove(signed)
        else:
            delivered.newest = signed.name
            self._newest = None if self._newest == signed else self._newest
        self._metrics.published.labels(self._name).inc()
        self._show()
        await self._notes.write({f"{NOTE}{self._name}": msgspec.json.encode(delivered)})

    async def _begin(self) -> None:
        """What a former life owed. A destination that is new begins with the newest checkpoint."""
        note = (await self._notes.read(f"{NOTE}{self._name}", limit=1)).get(f"{NOTE}{self._name}")
        delivered = _Delivered() if note is None else msgspec.json.decode(note, type=_Delivered)
        newest = await checkpoints.newest(self._bucket)
        if (
            newest is not None
            and not self._daily
            and not newest.ends_day
            and newest.name != delivered.newest
            and self._newest is None
        ):
            self.offer(await self._signed(newest))
        if note is not None:
            missed = [await self._signed(each) for each in await self._ends_after(delivered.day_end)]
            known = {signed.name for signed in self._ends}
            self._ends.extendleft(signed for signed in reversed(missed) if signed.name not in known)
        self._delivered = delivered
        self._show()

    async def _ends_after(self, name: str) -> list[Stored]:
        """The last checkpoints of the days after that one."""
        last = name.removeprefix(f"{checkpoints.CHECKPOINTS}/").rpartition("/")[0]
        found: list[Stored] = []
        for day in [day for day in await checkpoints.days(self._bucket) if day > last][-DAYS_OWED_MAX:]:
            found += [each for each in await checkpoints.of_day(self._bucket, day) if each.ends_day]
        return found

    async def _signed(self, stored: Stored) -> Signed:
        note = (await self._bucket.get(stored.name)).decode()
        return Signed(stored.name, stored.size, note, stored.ends_day)

    def _show(self) -> None:
        self._metrics.show_owed(self._name, len(self._ends) + (self._newest is not None), time.time())

    async def close(self) -> None:
        """Lets go of connections. What is owed is told by the next life."""
        if self._carrier is not None:
            await self._carrier.close()
