"""A shard at the table: asks `needs` before each command, and answers with facts that a test scripts."""

from typing import Any

import msgspec

from engine.catalog import Catalog, FraudRule, FraudRules, Verdict
from engine.commands import Command
from engine.facts import Facts, Needs, Reservation, ReservationRefusal, Seen
from engine.needs import needs
from tests.support.playing import Table


class JudgedTable(Table):
    """`seen`, `ip_country`, `refusals` (by campaign): what the shard would find out; `asked`: what it was asked."""

    def __init__(self, catalog: Catalog, real: int = 0) -> None:
        self.seen = Seen()
        self.ip_country: str | None = None
        self.refusals: dict[str, tuple[ReservationRefusal, ...]] = {}
        self.asked: Needs | None = None
        super().__init__(catalog, real)

    def run_command(self, command: Command) -> Any:
        self.asked = needs(self.player, self.catalog, command)
        if self.asked is not None:
            command = msgspec.structs.replace(command, facts=self._facts(self.asked))
        return super().run_command(command)

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
