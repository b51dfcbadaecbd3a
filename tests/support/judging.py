"""A shard at the table: looks up what a command asks for, and finds facts that a test scripts."""

from typing import Any

import msgspec

from engine.catalog import Catalog, FraudRule, FraudRules, Verdict
from engine.commands import Command
from engine.facts import Facts, Needs, Reservation, ReservationRefusal, Seen
from engine.player import execute_or_ask
from tests.support.playing import Table, picture_of


class JudgedTable(Table):
    """`seen`, `ip_country`, `refusals` (by campaign): what the shard would find out; `asked`: what it was asked."""

    def __init__(self, catalog: Catalog, real: int = 0) -> None:
        self.seen = Seen()
        self.ip_country: str | None = None
        self.refusals: dict[str, tuple[ReservationRefusal, ...]] = {}
        self.asked: Needs | None = None
        super().__init__(catalog, real)

    def decide(self, command: Command) -> Any:
        before = picture_of(self.player)
        outcome = execute_or_ask(self.player, self.catalog, command)
        self.asked = outcome if isinstance(outcome, Needs) else None
        if self.asked is None:
            return outcome
        assert picture_of(self.player) == before, "to ask changed the player"
        return super().decide(msgspec.structs.replace(command, facts=self._facts(self.asked)))

    def _facts(self, asked: Needs) -> Facts:
        reservations = tuple(
            Reservation(want.campaign_id, want.reservation_id, self.refusals.get(want.campaign_id, ()))
            for want in asked.awards
        )
        return Facts(self.ip_country, self.seen if asked.look_up else Seen(), reservations)


def rules(denied: tuple[str, ...] = (), **named: tuple[Verdict, int]) -> FraudRules:
    """`rules(shared_ip=("review", 5))`: review when more than 5 others share the IP."""
    return FraudRules(
        rules={name: FraudRule(verdict, more_than) for name, (verdict, more_than) in named.items()},
        denied_countries=denied,
    )


def with_fraud(catalog: Catalog, fraud: FraudRules) -> Catalog:
    return msgspec.structs.replace(catalog, fraud=fraud)
