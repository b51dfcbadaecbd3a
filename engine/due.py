"""Work that becomes due by the passing of time: which, and when. The shard does it as ordinary commands (rules §10)."""

from hashlib import blake2b

import msgspec

from engine.awarding.triggers import silence_due, silence_terms
from engine.catalog import Catalog
from engine.commands import (
    Command,
    Expire,
    ExpirePoints,
    ExpireRound,
    Inactive,
    LapseRedemption,
    PayCashback,
    SweepLevel,
)
from engine.expiry import times_out_ms
from engine.holdings import in_play, tied
from engine.loyalty.due import LoyaltyDue, loyalty_terms, next_loyalty_due
from engine.state import PlayerState

_Due = LoyaltyDue | tuple[int, type[Expire | ExpireRound | Inactive], str]
_NAMES: dict[type, str] = {
    Expire: "expire",
    ExpireRound: "expire_round",
    Inactive: "inactive",
    PayCashback: "cashback",
    LapseRedemption: "lapse_redemption",
    SweepLevel: "sweep_level",
    ExpirePoints: "expire_points",
}


def next_due_ms(state: PlayerState, catalog: Catalog | None = None) -> int | None:
    """When the next work is due (Unix ms): an expiry, a round's time-out, a silence that is too long, or loyalty's
    work.

    None if nothing will be due. A grant or package that an open round keeps from ending, or that an operator holds,
    doesn't count. Silence and loyalty depend on the catalog's campaigns and ladder, so without a `catalog` they don't
    count either.
    """
    due = _next(state, catalog)
    return due[0] if due is not None else None


def next_due(state: PlayerState, real_ms: int = 0, catalog: Catalog | None = None) -> Command | None:
    """The command that does the next due work, at its own due time, but never earlier than the player's last event.

    `real_ms` is real time where a sandbox clock runs ahead of it.
    """
    due = _next(state, catalog)
    if due is None:
        return None
    due_ms, kind, subject_id = due
    # The same campaign may become due in every silence: the command's id tells the silences apart.
    since = f":{state.active_ms}" if kind is Inactive else ""
    command_id = f"due:{_NAMES[kind]}:{subject_id}{since}"
    body = kind(subject_id)  # type: ignore[arg-type]  # each kind with its own subject
    return Command(command_id, max(due_ms, state.time_ms), body, real_ms=real_ms)


def due_digest(catalog: Catalog) -> str:
    """Names the part of the catalog that due times depend on: the same digest means the same `next_due_ms` of any
    player.

    Whatever else comes to depend on the catalog is added here under a name of its own.
    """
    parts = {"inactive": silence_terms(catalog), "loyalty": loyalty_terms(catalog)}
    return blake2b(msgspec.msgpack.encode(parts, order="sorted"), digest_size=8).hexdigest()


def _next(state: PlayerState, catalog: Catalog | None) -> _Due | None:
    found = _next_expiry(state)
    for round_ in state.rounds.values():
        due_ms = None if round_.flagged else times_out_ms(round_)
        if due_ms is not None and (found is None or due_ms < found[0]):
            found = (due_ms, ExpireRound, round_.session_id)
    if catalog is None:
        return found
    loyalty = next_loyalty_due(state, catalog)
    if loyalty is not None and (found is None or loyalty[0] < found[0] or _ends_the_week(loyalty, found)):
        found = loyalty
    silence = silence_due(state, catalog)
    if silence is not None and (found is None or silence[0] < found[0]):
        return silence[0], Inactive, silence[1]
    return found


def _ends_the_week(loyalty: LoyaltyDue, found: _Due) -> bool:
    """Cashback of a week comes before a time-out of the same moment, which may close a round in the next week."""
    return loyalty[0] == found[0] and loyalty[1] is PayCashback and found[1] is ExpireRound


def _next_expiry(state: PlayerState) -> _Due | None:
    found: _Due | None = None
    for grant in state.grants:
        if grant.held is None and (found is None or grant.valid_to_ms < found[0]) and not tied(state, grant):
            found = (grant.valid_to_ms, Expire, grant.grant_id)
    for package in state.packages:
        sooner = package.remaining and (found is None or package.valid_to_ms < found[0])
        if sooner and not in_play(state, package.package_id):
            found = (package.valid_to_ms, Expire, package.package_id)
    return found
