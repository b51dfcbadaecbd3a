"""The path of a bonus is data (rules §4): opt-in and approval over HTTP, and a path that is edited while all runs."""

from typing import Any

import pytest

from tests.e2e.sandbox import DAY_S, Sandbox
from tests.support.catalog_folder import bundle

pytestmark = pytest.mark.timeout(240)

APPROVAL = "workflows/approval.yaml"
BOTH = "on: approved, when: [limits_ok, fraud_ok, player_claimed, operator_approved, within_window]"
OPERATOR_ALONE = "on: approved, when: [limits_ok, fraud_ok, operator_approved, within_window]"


def proposed(sandbox: Sandbox) -> tuple[str, str]:
    """A VIP and the bonus marketing proposes to her: 250.00 EUR, to be wagered 15 times."""
    player_id = sandbox.player(0, "vip")
    return player_id, sandbox.grant(player_id, "vip-250")["grant_id"]


def seen(sandbox: Sandbox, player_id: str) -> tuple[Any, ...]:
    """State, balance and what the only grant waits for."""
    (grant,) = sandbox.grants(player_id)
    return grant["state"], grant["balance"], tuple(grant["awaits"])


def test_nothing_is_given_before_player_and_operator_agree(sandbox: Sandbox) -> None:
    player_id, grant_id = proposed(sandbox)
    assert seen(sandbox, player_id) == ("initiated", 0, ("claim", "approval"))
    assert sandbox.claim(player_id, grant_id).json()["state"] == "initiated"
    assert seen(sandbox, player_id) == ("initiated", 0, ("approval",))
    answer = sandbox.verdict(player_id, grant_id, "approve")
    assert (answer["state"], answer["balance"]["bonus_usable"]) == ("in_wager", 25_000)
    assert sandbox.grants(player_id)[0]["remaining_wager"] == 25_000 * 15


def test_in_either_order(sandbox: Sandbox) -> None:
    player_id, grant_id = proposed(sandbox)
    assert sandbox.verdict(player_id, grant_id, "approve")["state"] == "initiated"
    assert seen(sandbox, player_id) == ("initiated", 0, ("claim",))
    assert sandbox.claim(player_id, grant_id).json()["state"] == "in_wager"


def test_an_operators_no_is_kept_with_its_reason_and_is_the_end(sandbox: Sandbox) -> None:
    player_id, grant_id = proposed(sandbox)
    assert sandbox.verdict(player_id, grant_id, "decline")["state"] == "declined"
    (grant,) = sandbox.grants(player_id)
    assert (grant["state"], grant["balance"]) == ("declined", 0)
    assert any("decline, a test" in reason for reason in grant["reasons"])
    refused = sandbox.claim(player_id, grant_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_state")


def test_a_proposal_nobody_answers_lapses_after_seven_days(sandbox: Sandbox) -> None:
    player_id, grant_id = proposed(sandbox)
    sandbox.advance(7 * DAY_S - 60)
    assert seen(sandbox, player_id)[0] == "initiated"
    sandbox.advance(61)
    assert seen(sandbox, player_id) == ("expired", 0, ())
    assert sandbox.claim(player_id, grant_id).json()["code"] == "invalid_state"


def test_the_bonus_is_for_vips(sandbox: Sandbox) -> None:
    body = {"campaign_id": "vip-250", "reason": "a test"}
    refused = sandbox.marketing(f"/players/{sandbox.player()}/bonuses", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_eligible")


def test_an_edited_workflow_is_for_new_grants_only(sandbox: Sandbox) -> None:
    """One word less in the file, no code: the operator's yes alone now gives the bonus; not the one proposed before."""
    old, old_grant = proposed(sandbox)
    before = bundle(sandbox.catalog)
    text = before["files"][APPROVAL]
    assert text.count(BOTH) == 1
    edited = {"files": before["files"] | {APPROVAL: text.replace(BOTH, OPERATOR_ALONE)}}
    assert sandbox.deploy(edited).status_code == 200
    try:
        new, new_grant = proposed(sandbox)
        assert sandbox.verdict(new, new_grant, "approve")["state"] == "in_wager"
        assert sandbox.verdict(old, old_grant, "approve")["state"] == "initiated"
        assert sandbox.claim(old, old_grant).json()["state"] == "in_wager"
    finally:
        assert sandbox.deploy(before).status_code == 200
