"""Rules §4, workflow: the path of a grant is data; what a workflow may say, and that saying it changes what happens."""

from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import workflow as words
from engine.catalog import Catalog, Workflow, WorkflowTransition
from engine.commands import ApproveGrant, CancelGrant, ClaimGrant
from engine.workflow import STANDARD, copied, path
from engine.workflow.check import check_workflow
from tests.support.playing import DAY_MS, Table, campaign, catalog_with, spins, wager


def move(text: str) -> WorkflowTransition:
    """`move("granted settled overdue,no_open_round remove expired")`; `-` for none."""
    source, on, when, do, target = text.split()
    listed = [() if part == "-" else tuple(part.split(",")) for part in (when, do)]
    return WorkflowTransition(source, on, listed[0], listed[1], target)


APPROVAL = Workflow(
    "approval",
    (
        move("initiated matched refused - declined"),
        move("initiated claimed limits_ok,fraud_ok,player_claimed,operator_approved reserve,notify granted"),
        move("initiated approved limits_ok,fraud_ok,player_claimed,operator_approved reserve,notify granted"),
        *(m for m in STANDARD.transitions if m.source != "initiated" or m.on in ("declined", "cancelled", "lapsed")),
    ),
)
"""Opt-in and approval by an operator for every grant."""


def without(*texts: str, workflow: Workflow = STANDARD) -> Workflow:
    gone = [move(text) for text in texts]
    assert all(m in workflow.transitions for m in gone)
    return Workflow("changed", tuple(m for m in workflow.transitions if m not in gone))


def joined(*texts: str, base: Workflow = STANDARD) -> Workflow:
    return Workflow("changed", (*(move(text) for text in texts), *base.transitions))


def run_by(workflow: Workflow, **fields: Any) -> Table:
    return Table(with_workflow(catalog_with(campaign(fixed=500, workflow="own", **fields)), workflow), 1_000)


def with_workflow(catalog: Catalog, workflow: Workflow) -> Catalog:
    return msgspec.structs.replace(catalog, workflows={"own": workflow})


# --- the check


def test_the_standard_workflow_and_the_one_with_approval_are_sound() -> None:
    assert check_workflow(STANDARD) == []
    assert check_workflow(APPROVAL) == []


def test_the_standard_workflow_never_changes_as_grants_carry_no_copy_of_it() -> None:
    digest = blake2b(msgspec.msgpack.encode(STANDARD), digest_size=8).hexdigest()
    assert digest == "602987d7a4d000b0"


def test_each_word_is_explained() -> None:
    assert set(words._GUARDS) | {"its_turn"} == set(words.GUARDS)
    sentences = [*words.EVENTS.values(), *words.GUARDS.values(), *words.ACTIONS.values()]
    assert all(sentence and not sentence.endswith(".") for sentence in sentences)


RELEASE = "in_wager settled wager_done,average_bet_ok,no_open_round release completed"
HOLD = "in_wager settled wager_done,no_open_round hold granted"


@pytest.mark.parametrize(
    ("workflow", "reason"),
    [
        (joined("granted settled void remove lost"), "'lost' is not a known state"),
        (joined("paused settled void remove expired"), "'paused' is not a known state"),
        (joined("granted sunset overdue remove expired"), "'sunset' is not a known event"),
        (joined("granted settled full_moon remove expired"), "'full_moon' is not a known guard"),
        (joined("granted settled overdue burn expired"), "'burn' is not a known action"),
        (joined("completed settled - - expired"), "`completed` is an end"),
        (
            joined("granted claimed no_open_round remove expired"),
            "`claimed` never happens to a bonus that is `granted`",
        ),
        (joined("in_wager released held,no_open_round release completed"), "`released` never happens"),
        (joined("granted settled - - initiated"), "nothing leads back to `initiated`"),
        (joined("granted settled void - granted"), "to itself"),
        (joined("granted cancelled no_open_round - declined"), "only a bonus that was not granted yet can be declined"),
        (joined("initiated matched - - completed"), "can't be completed before it was granted"),
        (joined("initiated matched held - cancelled"), "a bonus that has just matched can't be cancelled"),
        (joined("initiated matched held - expired"), "a bonus that has just matched can't be expired"),
        (joined("granted cancelled its_turn - in_wager"), "`its_turn` goes with `on: settled`"),
        (joined("granted settled void - in_wager"), "needs the guard `its_turn`"),
        (joined("in_wager settled void - granted"), "needs the action `hold`"),
        (joined("granted settled overdue hold in_wager"), "the action `hold` goes with"),
        (joined("in_wager settled average_bet_ok,no_open_round hold granted"), "`hold` needs the guard `wager_done`"),
        (joined("initiated claimed limits_ok,fraud_ok - granted"), "needs the action `reserve`"),
        (joined("granted settled its_turn reserve in_wager"), "the action `reserve` goes with"),
        (joined("in_wager settled wager_done,no_open_round - completed"), "needs the action `release`"),
        (joined("in_wager settled overdue,no_open_round - expired"), "needs the action `remove`"),
        (joined("in_wager settled overdue,no_open_round release,remove expired"), "`release` goes with the way to"),
        (joined("initiated lapsed - remove expired"), "`remove` goes with the way of a granted bonus"),
        (joined("in_wager settled overdue remove expired"), "ends only with the guard `no_open_round`"),
        (joined("initiated claimed fraud_ok reserve granted"), "without the guard `limits_ok`"),
        (joined("initiated claimed limits_ok reserve granted"), "without the guard `fraud_ok`"),
        (Workflow("changed", (*STANDARD.transitions, move(RELEASE))), "transition 22 is never taken: transition 16"),
        (without("granted settled its_turn - in_wager"), "the state `in_wager` is never reached"),
        (without("initiated matched refused - declined"), "a refused bonus goes nowhere"),
        (without("initiated lapsed - - expired"), "a bonus nobody claims stays for ever"),
        (
            without("in_wager settled overdue,no_open_round remove expired"),
            "add `in_wager` on `settled` when `overdue`",
        ),
        (without("granted released held,no_open_round release completed"), "a held bonus can't be released"),
    ],
)
def test_what_the_check_refuses(workflow: Workflow, reason: str) -> None:
    problems = check_workflow(workflow)
    assert any(reason in problem for problem in problems), problems


def test_a_dead_end_and_a_bonus_that_is_never_completed() -> None:
    moves = (
        move("initiated matched refused - declined"),
        move("initiated matched limits_ok,fraud_ok reserve granted"),
        move("initiated lapsed - - expired"),
    )
    problems = check_workflow(Workflow("stuck", moves))
    assert any("`granted` is a dead end" in problem for problem in problems)
    assert any("never be completed" in problem for problem in problems)


def test_what_is_waited_for_must_be_able_to_come() -> None:
    deaf = without(
        "initiated claimed limits_ok,fraud_ok,opted_in,approved,within_window reserve granted",
    )
    assert check_workflow(deaf) == ["`opted_in` waits for the player's claim, but nothing happens on `claimed`"]


def test_the_documentation_lists_every_word_with_its_sentence() -> None:
    rules = (Path(__file__).parents[4] / "docs" / "rules.md").read_text(encoding="utf-8")
    for word, sentence in (*words.EVENTS.items(), *words.GUARDS.items(), *words.ACTIONS.items()):
        assert f"| `{word}` | {sentence} |" in rules


# --- the interpreter


def test_a_workflow_with_opt_in_and_approval_changes_what_happens_to_new_grants() -> None:
    table = run_by(APPROVAL, wager=wager(10))
    table.grant()
    assert table.state.grants[0].state == "initiated"
    assert table.do(ClaimGrant("g3-1")).state == "initiated"
    assert table.do(ApproveGrant("g3-1", "ok")).state == "in_wager"
    assert table.events == ["GrantApproved", "BonusGranted", "PlayerNotified", "GrantActivated"]


def test_a_running_grant_keeps_the_workflow_it_was_created_with() -> None:
    table = run_by(APPROVAL, wager=wager(10))
    table.grant()
    table.catalog = with_workflow(table.catalog, STANDARD)
    assert table.grant().state == "granted"
    assert [grant.state for grant in table.state.grants] == ["initiated", "in_wager"]
    table.do(ClaimGrant("g3-1"))
    assert table.do(ApproveGrant("g3-1", "ok")).state == "granted"


def test_standard_grants_carry_no_copy_and_others_share_one() -> None:
    assert copied(STANDARD) == () == copied(Workflow("same", tuple(STANDARD.transitions)))
    table = run_by(APPROVAL, wager=wager(10))
    table.grant()
    table.grant()
    first, second = table.state.grants
    assert first.workflow is second.workflow is APPROVAL.transitions


def test_equal_workflows_are_prepared_once_whatever_snapshot_they_come_from() -> None:
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(APPROVAL), type=Workflow)
    assert again.transitions is not APPROVAL.transitions
    assert path(again.transitions) is path(APPROVAL.transitions)
    assert path(()) is not path(APPROVAL.transitions)


def test_a_bonus_without_wagering_by_workflow() -> None:
    """Released as soon as it is its own: the guard `wager_done` is left out."""
    workflow = joined("granted settled no_open_round release completed")
    table = run_by(workflow, wager=wager(10))
    table.grant()
    assert (table.events, table.money()) == (["GrantCreated", "BonusRedeemed"], (1_500, 0))


def test_straight_from_initiated_into_wager() -> None:
    straight = Workflow(
        "straight",
        (
            move("initiated matched refused - declined"),
            move("initiated settled limits_ok,fraud_ok,opted_in,approved,its_turn reserve,emit in_wager"),
            move("initiated lapsed - - expired"),
            *(m for m in STANDARD.transitions if m.source == "in_wager" and m.target != "granted"),
        ),
    )
    assert check_workflow(straight) == []
    table = run_by(straight, wager=wager(10), free_spins=spins(2))
    table.grant()
    assert table.events == ["GrantCreated", "BonusGranted", "FreeSpinsGranted", "GrantActivated", "GrantMoved"]
    table.grant()
    assert [grant.state for grant in table.state.grants] == ["in_wager", "initiated"]
    assert table.state.grants[1].balance == 0
    table.do(CancelGrant("g3-1"))
    assert [grant.state for grant in table.state.grants] == ["in_wager"]


def test_notify_and_emit_are_recorded() -> None:
    text = "in_wager settled overdue,no_open_round remove expired"
    told = joined("in_wager settled overdue,no_open_round remove,notify,emit expired", base=without(text))
    table = run_by(told, wager=wager(10, valid_days=1))
    table.grant()
    table.now += DAY_MS
    table.pass_days(0)
    assert table.events == ["GrantExpired", "PlayerNotified", "GrantMoved"]


def test_no_held_bonus_where_the_workflow_does_not_hold() -> None:
    """Without a way to hold, a low mean keeps the bonus in wager until it expires."""
    workflow = without(HOLD, "granted released held,no_open_round release completed")
    assert check_workflow(workflow) == []
    table = run_by(workflow, wager=wager(1, min_average_bet={"EUR": 400}, valid_days=2))
    table.grant()
    for _ in range(5):
        table.spin(100, 100)
    assert (table.state.grants[0].state, table.state.grants[0].remaining_wager) == ("in_wager", 0)
    table.pass_days(2)
    assert table.state.ended_grants[0].state == "expired"
