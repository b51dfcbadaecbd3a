"""Every shipped campaign is an example that works: what fires it, played on the engine, and what it grants."""

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from croupier.catalog import load_catalog
from engine.catalog import CASHBACK, REDEMPTION, CampaignType, TriggerEvent
from engine.commands import (
    ApproveGrant,
    ClaimGrant,
    Command,
    CommandBody,
    Deposit,
    EnterCode,
    ForceLevel,
    GrantCampaign,
    PostEvent,
    Register,
    ReportBet,
    StartSession,
)
from engine.facts import Facts, Needs, Reservation
from engine.player import execute_or_ask
from engine.transition import Transition
from tests.support.example_catalog import SHIPPED
from tests.support.playing import Table

CATALOG = load_catalog(SHIPPED)


class Counter(Table):
    """A table where the shared limits have room for everybody."""

    def run(self, body: CommandBody, key: str | None = None, time_ms: int | None = None) -> Any:
        self._keys += 1
        return self.run_command(Command(key or f"gs:{self._keys}", self.now, body))

    def decide(self, command: Command) -> Any:
        outcome = execute_or_ask(self.player, self.catalog, command)
        if not isinstance(outcome, Needs):
            return outcome
        held = tuple(Reservation(award.campaign_id, award.reservation_id) for award in outcome.awards)
        return super().decide(msgspec.structs.replace(command, facts=Facts(reservations=held)))


def table(campaign_id: str) -> Counter:
    """A player in euro whom the campaign is for, at a house that runs nothing else."""
    campaign = CATALOG.campaigns[campaign_id]
    only = msgspec.structs.replace(CATALOG, campaigns={campaign_id: campaign})
    found = Counter(only)
    found.do(Register("EUR", "FI", segments=campaign.eligibility.segments))
    return found


def owned(played: Table) -> list[tuple[str, str, int]]:
    """Grants with their states and amounts, and packages with their spins."""
    grants = [(grant.campaign_id, grant.state, grant.amount) for grant in played.state.grants]
    return grants + [(package.campaign_id, "spins", package.remaining) for package in played.state.packages]


FIRED = [
    ("welcome-100", [Deposit(5_000)], [("in_wager", 5_000), ("spins", 20)]),
    ("second-deposit-50", [Deposit(5_000), Deposit(5_000)], [("initiated", 2_500)]),
    ("club-login-spins", [StartSession()], [("spins", 5)]),
    ("app-gift-3", [PostEvent("app_removed"), PostEvent("app_installed")], [("in_wager", 300)]),
    ("turnover-2500", [ReportBet(250_000, "live")], [("in_wager", 2_500)]),
    ("deposits-1000", [Deposit(60_000), Deposit(40_000)], [("spins", 30)]),
    ("spring-code", [EnterCode("Spring")], [("in_wager", 1_000)]),
    ("goodwill-5", [GrantCampaign("goodwill-5", "sorry")], [("in_wager", 500)]),
    ("lanterns-10-spins", [GrantCampaign("lanterns-10-spins", "sorry")], [("spins", 10)]),
    ("vip-250", [GrantCampaign("vip-250", "birthday")], [("initiated", 25_000)]),
    # 50.00 EUR times gold's 1.25; who only reaches silver has nothing yet
    ("gold-50", [ReportBet(1_000_000, "live"), ReportBet(4_000_000, "live")], [("in_wager", 6_250)]),
]


@pytest.mark.parametrize(("campaign_id", "bodies", "expected"), FIRED)
def test_what_fires_it_and_what_it_grants(
    campaign_id: str, bodies: list[CommandBody], expected: list[tuple[str, int]]
) -> None:
    played = table(campaign_id)
    for body in bodies:
        assert owned(played) == []
        played.do(body)
    assert owned(played) == [(campaign_id, state, amount) for state, amount in expected]


def test_points_count_twice_from_gold_on() -> None:
    played = table("double-points")
    earned = []
    for level in ("silver", "gold", "platinum"):
        played.do(ForceLevel(level, "a test"))
        before = played.state.loyalty.available
        played.do(ReportBet(1_000, "live"))
        earned.append(played.state.loyalty.available - before)
    # 10 EUR at a live table: 15 points
    assert earned == [15_000_000, 30_000_000, 30_000_000]


def test_there_is_an_example_of_every_type_and_every_trigger() -> None:
    shipped = CATALOG.campaigns.values()
    assert {each.type for each in shipped} == set(get_args(CampaignType))
    assert {each.trigger for each in shipped} == set(get_args(TriggerEvent)) - {REDEMPTION, CASHBACK}


def test_thirty_days_of_silence() -> None:
    played = table("come-back-10")
    played.pass_days(30)
    assert owned(played) == []
    played.pass_days(1)
    assert owned(played) == [("come-back-10", "spins", 10)]


def test_the_large_one_needs_the_player_and_an_operator() -> None:
    played = table("vip-250")
    grant_id = played.do(GrantCampaign("vip-250", "birthday")).granted.grant_id
    played.do(ClaimGrant(grant_id))
    assert owned(played) == [("vip-250", "initiated", 25_000)]
    played.do(ApproveGrant(grant_id, "known for years"))
    assert owned(played) == [("vip-250", "in_wager", 25_000)]
    assert played.state.grants[0].balance == 25_000


def test_editing_the_workflow_file_changes_the_path_of_new_grants(tmp_path: Path) -> None:
    shipped = (SHIPPED / "workflows/approval.yaml").read_text()
    for path in SHIPPED.rglob("*.*"):
        if path.suffix in (".yaml", ".json") and path.parent.name != "schema":
            (tmp_path / path.relative_to(SHIPPED)).parent.mkdir(exist_ok=True)
            (tmp_path / path.relative_to(SHIPPED)).write_bytes(path.read_bytes())
    (tmp_path / "workflows/approval.yaml").write_text(shipped.replace("player_claimed, ", ""))
    played = table("vip-250")
    first = played.do(GrantCampaign("vip-250", "birthday")).granted.grant_id
    edited = load_catalog(tmp_path)
    played.catalog = msgspec.structs.replace(edited, campaigns={"vip-250": edited.campaigns["vip-250"]})
    second = played.do(GrantCampaign("vip-250", "birthday")).granted.grant_id
    for grant_id in (first, second):
        assert isinstance(played.run(ApproveGrant(grant_id, "yes")), Transition)
    assert {grant.grant_id: grant.state for grant in played.state.grants} == {first: "initiated", second: "in_wager"}
