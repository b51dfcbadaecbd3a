"""What the shard must look up or reserve before a command can be decided, and what became of it after (rule 11).

If the command is refused after all, whatever was reserved for it is to be returned.
"""

from collections.abc import Sequence
from typing import Literal

from engine.awarding.awarding import Proposed
from engine.awarding.gate import NO_SIGNALS, needs_reservation, own_signals, reservation_id, signals_of
from engine.catalog import Catalog
from engine.commands import Command
from engine.events import BonusGranted, FreeSpinsGranted, GrantCancelled, GrantCreated, GrantDeclined, GrantExpired
from engine.facts import Needs, WantedAward
from engine.state import Player, PlayerState
from engine.state.window import id_digest
from engine.transition import Transition


def journal_needs(bet_id: str) -> Needs:
    """A rollback names a bet that only the journal remembers."""
    return Needs(NO_SIGNALS, False, past_bet=bet_id)


def award_needs(player: Player, catalog: Catalog, command: Command, awards: Sequence[Proposed]) -> Needs | None:
    """None unless the command brings signals, or the gate judges one of the `awards` it triggers by facts."""
    wanted = tuple(
        _wanted(player, command, award)
        for award in awards
        if needs_reservation(catalog, award[1].campaign, award[2].bonus_micro_eur)
    )
    brings = own_signals(command) != NO_SIGNALS
    judged = bool(awards and (catalog.fraud.rules or catalog.fraud.denied_countries))
    if not (brings or wanted or judged):
        return None
    return Needs(signals_of(player.state, command), brings or judged, wanted)


def _wanted(player: Player, command: Command, award: Proposed) -> WantedAward:
    _, proposal, value = award
    campaign = proposal.campaign
    return WantedAward(
        campaign_id=campaign.campaign_id,
        reservation_id=reservation_id(player.state, command, campaign, proposal.climbed),
        value_micro_eur=value.value_micro_eur,
        bonus_micro_eur=value.bonus_micro_eur,
        budget_micro_eur=campaign.limits.budget_micro_eur,
        per_ip=campaign.limits.per_ip,
        per_device=campaign.limits.per_device,
    )


def reservation_outcomes(transition: Transition) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(granted, returned): reservations whose fate the transition settles; those of initiated grants stay held."""
    granted: list[str | None] = []
    returned: list[str | None] = []
    for event in transition.events:
        if isinstance(event, GrantCreated):
            if event.grant.state == "declined":
                returned.append(event.grant.reservation)
            elif event.grant.state != "initiated":
                granted.append(event.grant.reservation)
        elif isinstance(event, BonusGranted | FreeSpinsGranted):
            granted.append(event.reservation)
        elif isinstance(event, GrantDeclined | GrantExpired | GrantCancelled):
            returned.append(event.reservation)
    return tuple(filter(None, granted)), tuple(filter(None, returned))


def reservation_fate(state: PlayerState, reservation_id: str) -> Literal["held", "granted", "returned"]:
    """What the owner says of a reservation nobody settled, as after a crash: no grant names it and none ever will means
    `returned`. Only for a player whose commands are not just being looked up (rule 11).
    """
    if any(grant.state == "initiated" and grant.reservation == reservation_id for grant in state.grants):
        return "held"
    return "granted" if id_digest(reservation_id) in state.granted_reservations else "returned"
