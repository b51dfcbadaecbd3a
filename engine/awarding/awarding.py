"""From what a command triggers to what the player gets: every award passes the gate (rules §6, §7)."""

from collections.abc import Sequence

from engine.awarding.gate import Ruling, fraud_ruling, needs_reservation, over_period, reservation_for
from engine.awarding.triggers import Proposal, proposals
from engine.awarding.worth import Worth, award, worth
from engine.catalog import Catalog
from engine.commands import Command
from engine.events import AnyEvent, FreeSpinsGranted, GrantCreated
from engine.rejections import OVERLOADED, Rejection, full
from engine.state import LIVE_GRANTS_MAX, PlayerState
from engine.transition import Decision

Proposed = tuple[int, Proposal, Worth]


def proposed(state: PlayerState, catalog: Catalog, command: Command, events: list[AnyEvent]) -> list[Proposed]:
    """The awards of a command, each with its number in the command and its worth. Awards worth nothing are left out."""
    found: list[Proposed] = []
    for number, proposal in enumerate(proposals(state, catalog, command, events), 1):
        value = worth(state, catalog, proposal)
        if value is not None:
            found.append((number, proposal, value))
    return found


def with_awards(
    state: PlayerState, catalog: Catalog, command: Command, events: list[AnyEvent], awards: Sequence[Proposed]
) -> Decision:
    """The command's own events and those of all `awards` it triggers (`proposed`).

    `overloaded` if the facts were looked up for other awards than these. This happens when the catalog changed
    meanwhile; if the command is repeated, the facts are looked up anew.
    """
    if not awards:
        return events
    fraud = fraud_ruling(state, catalog, command)
    room, spent = free_places(state), 0
    awarded = list(events)
    for number, proposal, value in awards:
        ruling = _ruling(
            state=state,
            catalog=catalog,
            command=command,
            fraud=fraud,
            proposal=proposal,
            value=value,
            spent=spent,
            room=room,
        )
        if ruling is None:
            return Rejection(OVERLOADED, "The campaigns changed while their limits were looked up: try again.")
        created = award(
            state=state,
            catalog=catalog,
            proposal=proposal,
            value=value,
            ruling=ruling,
            number=number,
            time_ms=command.time_ms,
        )
        if any(_lives(event) for event in created):
            room -= 1
            spent += value.bonus_micro_eur
        awarded += created
    return awarded


def _lives(event: AnyEvent) -> bool:
    return isinstance(event, FreeSpinsGranted) or (
        isinstance(event, GrantCreated) and event.grant.state in ("initiated", "granted")
    )


def _ruling(
    state: PlayerState,
    catalog: Catalog,
    command: Command,
    fraud: Ruling,
    proposal: Proposal,
    value: Worth,
    spent: int,
    room: int,
) -> Ruling | None:
    """The gate's ruling on one award; None if its reservation is missing.

    `spent`: micro-EUR of bonus money that earlier awards of the same command take.
    """
    reasons, held = list(fraud.reasons), None
    if needs_reservation(catalog, proposal.campaign, value.bonus_micro_eur):
        reservation = reservation_for(state, command, proposal.campaign, proposal.climbed)
        if reservation is None:
            return None
        reasons += reservation.refusals
        held = None if reservation.refusals else reservation.reservation_id
    more = value.bonus_micro_eur and value.bonus_micro_eur + spent
    if over_period(state, catalog.fraud.max_bonus_per_player, more, command.time_ms):
        reasons.append("max_bonus_per_player")
    if room <= 0:
        reasons.append("too_many_grants")
    return Ruling(fraud.verdict, tuple(reasons), held)


def free_places(state: PlayerState) -> int:
    """How many more awards the player may get. An award takes one grant and one package at most; both are bounded."""
    packages = sum(1 for package in state.packages if package.remaining)
    packages += sum(1 for grant in state.grants if grant.pending is not None)
    return LIVE_GRANTS_MAX - max(len(state.grants), packages)


def no_place(state: PlayerState) -> Rejection | None:
    """`overloaded` if the bound on live awards allows no further one; None if it does."""
    if free_places(state) > 0:
        return None
    return full(
        f"The player has {LIVE_GRANTS_MAX} live grants or packages, which is the most there may be: "
        "wait until one ends, or give one up."
    )
