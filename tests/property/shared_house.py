"""Several players at one house: a clock, a catalog and shared limits for all, and the sums that must hold over all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from engine.commands import Command
from engine.facts import Facts, Needs, Reservation, Seen, WantedAward
from engine.needs import reservation_fate, reservation_outcomes
from engine.player import execute, execute_or_ask
from engine.remembered import past_bet
from engine.state import GRANTED_RESERVATIONS_MAX, Player
from engine.transition import Transition
from tests.property.crowd import Crowd
from tests.property.offers import MICRO_EUR_PER_CENT, OFFERS, SHARED, START_MS, catalog, wirings
from tests.property.wiring import Wiring


@dataclass
class Held:
    """A reservation of the shared limits; `state`: held, then granted or returned."""

    campaign: str
    player_id: str
    micro_eur: int
    device: str | None
    state: str = "held"


class SharedLimits:
    """Stands in for the store: counts what the engine asks it to reserve, and believes what it is told of it."""

    def __init__(self) -> None:
        self.rows: dict[str, Held] = {}
        self._seen: set[tuple[str, str, str]] = set()

    def look_up(self, player_id: str, wanted: Needs) -> Facts:
        """Facts for one command, as a shard gets them from the store."""
        seen = Seen()
        if wanted.look_up:
            kinds = ("ip", "device", "payment_instrument")
            signals = {kind: value for kind in kinds if (value := getattr(wanted.signals, kind)) is not None}
            self._seen |= {(kind, value, player_id) for kind, value in signals.items()}
            seen = Seen(**{kind: self._others(kind, value, player_id) for kind, value in signals.items()})
        return Facts(None, seen, tuple(self._reserve(player_id, wanted, award) for award in wanted.awards))

    def _others(self, kind: str, value: str, player_id: str) -> int:
        return sum(1 for known in self._seen if known[:2] == (kind, value) and known[2] != player_id)

    def _reserve(self, player_id: str, wanted: Needs, award: WantedAward) -> Reservation:
        row, device = self.rows.get(award.reservation_id), wanted.signals.device
        refusals: list[Any] = []
        if row is None or row.state == "returned":
            if award.budget_micro_eur is not None and self.used(award.campaign_id) + award.value_micro_eur > (
                award.budget_micro_eur
            ):
                refusals.append("budget_exhausted")
            if award.per_device is not None and device and self.on(award.campaign_id, device) >= award.per_device:
                refusals.append("per_device")
            if not refusals:
                self.rows[award.reservation_id] = Held(award.campaign_id, player_id, award.value_micro_eur, device)
        return Reservation(award.campaign_id, award.reservation_id, tuple(refusals))

    def used(self, campaign: str) -> int:
        """Micro-EUR that the campaign's budget has given or holds."""
        return sum(row.micro_eur for row in self._counting(campaign))

    def on(self, campaign: str, device: str) -> int:
        """Awards of the campaign on the device."""
        return sum(1 for row in self._counting(campaign) if row.device == device)

    def _counting(self, campaign: str) -> list[Held]:
        return [row for row in self.rows.values() if row.campaign == campaign and row.state != "returned"]

    def settle(self, granted: tuple[str, ...], returned: tuple[str, ...]) -> None:
        """What became of reservations: each is settled once, for good."""
        for ids, state in ((granted, "granted"), (returned, "returned")):
            for reservation_id in ids:
                assert self.rows[reservation_id].state == "held", f"{reservation_id} is {self.rows[reservation_id]}"
                self.rows[reservation_id].state = state


class SharedHouse:
    """What the players share. `now` is the clock of all, Unix ms."""

    def __init__(self, funds_order: str, wired: Wiring) -> None:
        self.funds_order = funds_order
        self.wirings = wirings(wired)
        self.catalog = catalog(funds_order, wired)
        self.now = START_MS
        self.limits, self.crowd = SharedLimits(), Crowd()

    def execute(self, player: Player, command: Command, journal: Sequence[Transition]) -> Any:
        """What becomes of the command; facts that it needs are looked up first, as a shard does."""
        outcome = execute_or_ask(player, self.catalog, command)
        if isinstance(outcome, Needs):
            command = self._informed(player, command, outcome, journal)
            outcome = execute(player, self.catalog, command)
        self._settle(command, outcome)
        return outcome

    def _informed(self, player: Player, command: Command, wanted: Needs, journal: Sequence[Transition]) -> Command:
        facts = self.limits.look_up(player.state.player_id, wanted)
        if wanted.past_bet is not None:
            facts = replace(facts, past_bet=past_bet(journal, wanted.past_bet))
        return Command(command.id, command.time_ms, command.body, facts)

    def _settle(self, command: Command, outcome: Any) -> None:
        """Tells the limits what became of it; a refused command leaves nothing held."""
        if isinstance(outcome, Transition):
            self.limits.settle(*reservation_outcomes(outcome))
            return
        held = [reservation.reservation_id for reservation in command.facts.reservations if not reservation.refusals]
        self.limits.settle((), tuple(held))

    def check_limits(self, player: Player) -> None:
        """What the store counts is what players have, within the budget; the owner knows each fate (rule 11)."""
        for name in SHARED:
            used, budget = self.limits.used(name), OFFERS[name].budget
            assert used == self.crowd.used(name) * MICRO_EUR_PER_CENT, name
            assert budget is None or used <= budget * MICRO_EUR_PER_CENT, name
        rows = {name: row for name, row in self.limits.rows.items() if row.player_id == player.state.player_id}
        if len(rows) <= GRANTED_RESERVATIONS_MAX:
            assert {name: reservation_fate(player.state, name) for name in rows} == {
                name: row.state for name, row in rows.items()
            }
