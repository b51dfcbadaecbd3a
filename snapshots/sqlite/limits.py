"""The limits shared by all players, in a SQLite file of their own: appends never wait for them. Blocking.

Each call is one transaction. Reservations are `held`, then `granted` or `returned` for good (rule 11). A call
that makes or resolves them reads the fence inside its transaction (rule 2).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from engine.catalog import PeriodLimit
from engine.facts import Reservation, ReservationRefusal, Seen, Signals, WantedAward
from snapshots.contract import (
    DAY_MS,
    PERIOD_DAYS_MAX,
    RESOLVED_KEPT_MS,
    SEEN_PLAYERS_MAX,
    HeldReservation,
    Incarnation,
)
from snapshots.sqlite import shard as sqlite_shard
from snapshots.sqlite.files import Files, writing

SWEEP_ROWS = 100
_GRANT_SIGNALS = ("ip", "device")
_SEEN_SIGNALS = ("ip", "device", "payment_instrument")


class Claimant(msgspec.Struct, frozen=True):
    """Who asks for reservations, from where and when."""

    player_id: str
    command_id: str
    signals: Signals
    per_ip: PeriodLimit | None
    now_ms: int


class _Counted(msgspec.Struct, frozen=True):
    """What a reservation counts for, as its row has it."""

    campaign_id: str
    at_ms: int
    value_micro_eur: int
    bonus_micro_eur: int
    ip: str | None
    device: str | None


_SELECT_COUNTED = f"SELECT {', '.join(_Counted.__struct_fields__)} FROM reservations"  # noqa: S608 names of our own


def see(file: sqlite3.Connection, player_id: str, signals: Signals, now_ms: int, window_days: int) -> Seen:
    """See `Store.see`."""
    since_ms = now_ms - window_days * DAY_MS
    with writing(file):
        counts = {
            signal: _see_one(file, signal, value, player_id, now_ms, since_ms)
            for signal in _SEEN_SIGNALS
            if (value := getattr(signals, signal)) is not None
        }
        file.execute(
            "DELETE FROM seen WHERE (signal, value, player_id) IN"
            " (SELECT signal, value, player_id FROM seen WHERE last_ms < ? LIMIT ?)",
            (since_ms, SWEEP_ROWS),
        )
    return Seen(**counts)


def _see_one(file: sqlite3.Connection, signal: str, value: str, player_id: str, now_ms: int, since_ms: int) -> int:
    file.execute(
        "INSERT INTO seen VALUES (?, ?, ?, ?)"
        " ON CONFLICT (signal, value, player_id) DO UPDATE SET last_ms=max(last_ms, excluded.last_ms)",
        (signal, value, player_id, now_ms),
    )
    file.execute(
        "DELETE FROM seen WHERE signal=?1 AND value=?2 AND player_id IN (SELECT player_id FROM seen"
        " WHERE signal=?1 AND value=?2 ORDER BY last_ms DESC, player_id DESC LIMIT -1 OFFSET ?3)",
        (signal, value, SEEN_PLAYERS_MAX),
    )
    (others,) = file.execute(
        "SELECT count(*) FROM seen WHERE signal=? AND value=? AND last_ms>=? AND player_id<>?",
        (signal, value, since_ms, player_id),
    ).fetchone()
    return int(others)


@contextmanager
def _writing_as(files: Files, inc: Incarnation) -> Iterator[sqlite3.Connection]:
    """A write transaction of the incarnation on the shared file. Raises Fenced, and nothing is changed, if it is over.

    The fence lies in another file, so a successor may claim between this read and the commit. That does no harm: to
    reserve or resolve anything the successor needs the shared file's write lock, and so comes after the commit. Nobody
    waits in a circle: reading takes no lock of the shard's file, and whoever writes there does not wait for this one.
    """
    own = files.shard(inc.shard_id)  # outside: to open a file, one waits for whoever creates another one
    with writing(files.shared()) as file:
        sqlite_shard.heartbeat(own, inc)
        yield file


def reserve(files: Files, inc: Incarnation, claimant: Claimant, wanted: Sequence[WantedAward]) -> list[Reservation]:
    """See `Store.reserve`."""
    with _writing_as(files, inc) as file:
        return [_reserve_one(file, claimant, award) for award in wanted]


def _reserve_one(file: sqlite3.Connection, claimant: Claimant, award: WantedAward) -> Reservation:
    row = file.execute("SELECT state FROM reservations WHERE reservation_id=?", (award.reservation_id,)).fetchone()
    refusals: tuple[ReservationRefusal, ...] = ()
    if row == ("held",):  # its command was never decided; by now the award may be worth more, or come from elsewhere
        _resolve_one(file, award.reservation_id, False, claimant.now_ms)
    if row != ("granted",):
        refusals = _refusals(file, claimant, award)
        if not refusals:
            _hold(file, claimant, award)
    return Reservation(award.campaign_id, award.reservation_id, refusals)


def _refusals(file: sqlite3.Connection, claimant: Claimant, award: WantedAward) -> tuple[ReservationRefusal, ...]:
    """Every limit that the award would pass; an empty tuple if none."""
    campaign_id, signals, found = award.campaign_id, claimant.signals, list[ReservationRefusal]()
    value, budget, per_ip = award.value_micro_eur, award.budget_micro_eur, claimant.per_ip
    if budget is not None and value > 0 and _used(file, campaign_id) + value > budget:
        found.append("budget_exhausted")
    if _taken(file, campaign_id, "ip", signals.ip, award.per_ip):
        found.append("per_ip")
    if _taken(file, campaign_id, "device", signals.device, award.per_device):
        found.append("per_device")
    if per_ip is not None and _passes(file, signals.ip, award.bonus_micro_eur, per_ip, claimant.now_ms):
        found.append("max_bonus_per_ip")
    return tuple(found)


def _used(file: sqlite3.Connection, campaign_id: str) -> int:
    row = file.execute("SELECT micro_eur FROM used WHERE campaign_id=?", (campaign_id,)).fetchone()
    return int(row[0]) if row else 0


def _taken(file: sqlite3.Connection, campaign_id: str, signal: str, value: str | None, most: int | None) -> bool:
    """Whether the signal has as many grants of the campaign as it may."""
    if value is None or most is None:
        return False
    row = file.execute(
        "SELECT grants FROM used_by WHERE campaign_id=? AND signal=? AND value=?", (campaign_id, signal, value)
    ).fetchone()
    return (row[0] if row else 0) >= most


def _passes(file: sqlite3.Connection, ip: str | None, bonus_micro_eur: int, per_ip: PeriodLimit, now_ms: int) -> bool:
    """Whether this bonus money, and that of the period's UTC days up to today, is more than the IP may have."""
    if ip is None or bonus_micro_eur == 0:
        return False
    before = now_ms // DAY_MS - min(per_ip.period_days, PERIOD_DAYS_MAX)
    (given,) = file.execute(
        "SELECT coalesce(sum(micro_eur), 0) FROM ip_bonus WHERE ip=? AND day>?", (ip, before)
    ).fetchone()
    return bool(given + bonus_micro_eur > per_ip.micro_eur)


def _hold(file: sqlite3.Connection, claimant: Claimant, award: WantedAward) -> None:
    value, bonus, signals = award.value_micro_eur, award.bonus_micro_eur, claimant.signals
    row = _Counted(award.campaign_id, claimant.now_ms, value, bonus, signals.ip, signals.device)
    file.execute(
        "INSERT OR REPLACE INTO reservations VALUES (?, 'held', ?, ?, ?, ?, 0, ?, ?, ?, ?)",
        (award.reservation_id, claimant.player_id, claimant.command_id, *_values(row)),
    )
    _count(file, row, 1)
    file.execute(
        "DELETE FROM ip_bonus WHERE (ip, day) IN (SELECT ip, day FROM ip_bonus WHERE day < ? LIMIT ?)",
        (claimant.now_ms // DAY_MS - PERIOD_DAYS_MAX, SWEEP_ROWS),
    )


def _values(row: _Counted) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in _Counted.__struct_fields__)


def _count(file: sqlite3.Connection, row: _Counted, sign: int) -> None:
    """Adds a reservation to all that it counts for, or takes it out again (`sign` -1)."""
    file.execute(
        "INSERT INTO used VALUES (?, ?) ON CONFLICT (campaign_id) DO UPDATE SET micro_eur=micro_eur+excluded.micro_eur",
        (row.campaign_id, sign * row.value_micro_eur),
    )
    for signal in _GRANT_SIGNALS:
        if (value := getattr(row, signal)) is not None:
            _add_grants(file, row.campaign_id, signal, value, sign)
    if row.ip is not None and row.bonus_micro_eur:
        _add_ip_bonus(file, row.ip, row.at_ms // DAY_MS, sign * row.bonus_micro_eur)


def _add_grants(file: sqlite3.Connection, campaign_id: str, signal: str, value: str, change: int) -> None:
    file.execute(
        "INSERT INTO used_by VALUES (?, ?, ?, ?)"
        " ON CONFLICT (campaign_id, signal, value) DO UPDATE SET grants=grants+excluded.grants",
        (campaign_id, signal, value, change),
    )
    file.execute(
        "DELETE FROM used_by WHERE campaign_id=? AND signal=? AND value=? AND grants<=0", (campaign_id, signal, value)
    )


def _add_ip_bonus(file: sqlite3.Connection, ip: str, day: int, micro_eur: int) -> None:
    """Adds to the bonus money of an IP's day. Nothing is taken from a day that was removed as too old."""
    file.execute(
        "INSERT INTO ip_bonus VALUES (?, ?, ?)"
        " ON CONFLICT (ip, day) DO UPDATE SET micro_eur=micro_eur+excluded.micro_eur",
        (ip, day, micro_eur),
    )
    file.execute("DELETE FROM ip_bonus WHERE ip=? AND day=? AND micro_eur<=0", (ip, day))


def resolve(files: Files, inc: Incarnation, reservation_ids: Sequence[str], granted: bool, clock_ms: int) -> None:
    """See `Store.resolve_reservations`. Also forgets some reservations that were resolved long ago."""
    with _writing_as(files, inc) as file:
        for reservation_id in reservation_ids:
            _resolve_one(file, reservation_id, granted, clock_ms)
        file.execute(
            "DELETE FROM reservations WHERE reservation_id IN (SELECT reservation_id FROM reservations"
            " WHERE state <> 'held' AND settled_ms < ? LIMIT ?)",
            (clock_ms - RESOLVED_KEPT_MS, SWEEP_ROWS + len(reservation_ids)),
        )


def _resolve_one(file: sqlite3.Connection, reservation_id: str, granted: bool, clock_ms: int) -> None:
    row = file.execute(f"{_SELECT_COUNTED} WHERE reservation_id=? AND state='held'", (reservation_id,)).fetchone()
    if row is None:
        return
    file.execute(
        "UPDATE reservations SET state=?, settled_ms=? WHERE reservation_id=?",
        ("granted" if granted else "returned", clock_ms, reservation_id),
    )
    if not granted:
        _count(file, _Counted(*row), -1)


def held(
    file: sqlite3.Connection, before_ms: int, limit: int, after: HeldReservation | None = None
) -> list[HeldReservation]:
    """See `Store.held_reservations`."""
    behind = (after.at_ms, after.reservation_id) if after is not None else (-1, "")
    rows = file.execute(
        "SELECT reservation_id, player_id, command_id, at_ms FROM reservations"
        " WHERE state='held' AND at_ms < ? AND (at_ms, reservation_id) > (?, ?) ORDER BY at_ms, reservation_id LIMIT ?",
        (before_ms, *behind, limit),
    )
    return [HeldReservation(*row) for row in rows]


def usage(file: sqlite3.Connection, campaign_ids: Sequence[str]) -> dict[str, int]:
    """See `Store.usage`."""
    return {campaign_id: _used(file, campaign_id) for campaign_id in campaign_ids}
