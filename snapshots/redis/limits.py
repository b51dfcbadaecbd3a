"""The limits shared by all players, on Redis: each call is one function, exact under concurrency (rule 11)."""

from collections.abc import Mapping, Sequence

from engine.catalog import PeriodLimit
from engine.facts import Reservation, Seen, Signals, WantedAward
from snapshots.contract import (
    DAY_MS,
    PERIOD_DAYS_MAX,
    RESOLVED_KEPT_MS,
    SEEN_PLAYERS_MAX,
    HeldReservation,
    Incarnation,
)
from snapshots.redis.connection import PREFIX, RedisConnection, answer
from snapshots.redis.link import Argument
from snapshots.redis.moves import token

SWEEP_ROWS = 100


class RedisLimits(RedisConnection):
    """The part of `snapshots.contract.Store` about shared limits."""

    async def see(self, player_id: str, signals: Signals, now_ms: int, window_days: int) -> Seen:
        """See Store."""
        used = {"ip": signals.ip, "device": signals.device, "payment_instrument": signals.payment_instrument}
        named = [part for signal, value in used.items() if value is not None for part in (signal, value)]
        since_ms, days_kept = now_ms - window_days * DAY_MS, window_days + 1
        found = await self._call("see", player_id, now_ms, since_ms, days_kept, SEEN_PLAYERS_MAX, *named)
        return Seen(**dict(zip(named[::2], found, strict=True)))

    async def reserve(
        self,
        inc: Incarnation,
        player_id: str,
        command_id: str,
        signals: Signals,
        wanted: Sequence[WantedAward],
        per_ip: PeriodLimit | None,
        now_ms: int,
    ) -> Sequence[Reservation]:
        """See Store."""
        day, ip, device = now_ms // DAY_MS, signals.ip or "", signals.device or ""
        period = (0, "") if per_ip is None else (min(per_ip.period_days, PERIOD_DAYS_MAX), per_ip.micro_eur)
        awards = [part for award in wanted for part in _award(award)]
        found = await self._call(
            "reserve", *token(inc), player_id, command_id, ip, device, now_ms, day, *period, PERIOD_DAYS_MAX, *awards
        )
        return [
            Reservation(award.campaign_id, award.reservation_id, tuple(refusals.decode().split()))
            for award, refusals in zip(wanted, found, strict=True)
        ]

    async def resolve_reservations(self, inc: Incarnation, reservation_ids: Sequence[str], granted: bool) -> None:
        """See Store. Also forgets some reservations that were resolved long ago."""
        state, sweep = "granted" if granted else "returned", SWEEP_ROWS + len(reservation_ids)
        await self._call("settle", *token(inc), state, RESOLVED_KEPT_MS, sweep, *reservation_ids)

    async def held_reservations(
        self, before_ms: int, limit: int, after: HeldReservation | None = None
    ) -> Sequence[HeldReservation]:
        """See Store."""
        behind = (after.at_ms, after.reservation_id) if after is not None else (0, "")
        rows = await self._call("held", before_ms, limit, *behind)
        return [
            HeldReservation(reservation_id.decode(), player_id.decode(), command_id.decode(), int(at_ms))
            for reservation_id, player_id, command_id, at_ms in rows
        ]

    async def usage(self, campaign_ids: Sequence[str]) -> Mapping[str, int]:
        """See Store. One round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for campaign_id in campaign_ids:
            pipeline.hget(f"{PREFIX}campaign:{campaign_id}", "used")
        found = await answer(pipeline.execute())
        return {campaign_id: int(used or 0) for campaign_id, used in zip(campaign_ids, found, strict=True)}


def _award(award: WantedAward) -> tuple[Argument, ...]:
    """The award as the Redis function takes it; '' stands for no limit."""
    limits = (award.budget_micro_eur, award.per_ip, award.per_device)
    named = (award.campaign_id, award.reservation_id, award.value_micro_eur, award.bonus_micro_eur)
    return (*named, *("" if limit is None else limit for limit in limits))
