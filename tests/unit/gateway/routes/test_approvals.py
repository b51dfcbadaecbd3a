"""Four eyes: what one person proposes is done once, when another one approves it, under the proposer's own key."""

import pytest

from actors.outcome import Unavailable
from engine.commands import AdjustPoints, ForceLevel
from engine.rejections import Rejection
from gateway.four_eyes.approvals import CARRIED_OUT_MS, KEPT_MS
from gateway.routes import second_person
from gateway.routes.proof import approvals as routes
from tests.support.gateway_doubles import (
    ScriptedControl,
    ScriptedPlayers,
)
from tests.unit.gateway.routes.proposing import ADD, APPROVE, PEOPLE, House, told


async def test_beyond_the_threshold_it_waits_and_nothing_is_done() -> None:
    house = House()
    response = await house.points()
    waiting = response.json()
    assert (response.status_code, waiting["status"], waiting["replayed"]) == (202, "waiting", False)
    assert waiting["why"] == "Adjustments by more than 100 points need two persons."
    assert house.done == []
    assert told(house) == [(ADD, "asked", "ann", ""), (ADD, "waiting", "ann", "")]
    assert house.log.entries[1].after["approval_id"] == waiting["approval_id"]


@pytest.mark.parametrize("points", [100, -100, 1])
async def test_up_to_the_threshold_one_person_is_enough(points: int) -> None:
    house = House()
    assert (await house.points(points=points)).status_code == 200
    assert house.done == [("AdjustPoints", "ann:k1")]


async def test_taking_points_away_needs_two_persons_as_well() -> None:
    assert (await House().points(points=-101)).status_code == 202


async def test_without_rules_nothing_waits() -> None:
    house = House(control=ScriptedControl())
    assert (await house.points(points=10**9)).status_code == 200


async def test_the_second_person_has_it_done_under_the_first_ones_key() -> None:
    house = House()
    approval_id = await house.proposed()
    response = await house.approve("bob", approval_id)
    shown = response.json()
    assert (response.status_code, shown["status"], shown["outcome"], shown["replayed"]) == (200, "done", "done", False)
    assert (shown["proposed_by"], shown["decided_by"]) == ("ann", "bob")
    (asked,) = house.players.asked
    assert (asked.player_id, asked.command_id, asked.body) == ("p1", "ann:k1", AdjustPoints(500, "sorry"))
    assert told(house)[2:] == [
        (APPROVE, "asked", "bob", ""),
        (ADD, "asked", "ann", "bob"),
        (ADD, "done", "ann", "bob"),
        (APPROVE, "done", "bob", ""),
    ]
    done = house.log.entries[4]
    assert (done.player_id, done.reason, done.request_id) == ("p1", "sorry", "k1")
    assert (done.before, done.after) == ({"points_available": 734}, {"points_available": 1_234})


async def test_approved_again_it_is_not_done_again() -> None:
    house = House()
    approval_id = await house.proposed()
    await house.approve("bob", approval_id)
    again = await house.approve("bob", approval_id, "a2")
    assert (again.status_code, again.json()["replayed"]) == (200, True)
    assert len(house.done) == 1


async def test_the_proposer_can_not_approve() -> None:
    house = House()
    approval_id = await house.proposed()
    response = await house.approve("ann", approval_id)
    assert (response.status_code, response.json()["code"]) == (403, "own_proposal")
    assert house.done == []
    assert told(house)[-1] == (APPROVE, "own_proposal", "ann", "")


@pytest.mark.parametrize("who", ["olga", "mia", "eva"])
async def test_another_role_can_neither_approve_nor_reject(who: str) -> None:
    house = House()
    approval_id = await house.proposed()
    for response in (await house.approve(who, approval_id), await house.reject(who, approval_id)):
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert (house.done, (await house.approve("bob", approval_id)).status_code) == ([], 200)


async def test_what_was_rejected_is_never_done() -> None:
    house = House()
    approval_id = await house.proposed()
    rejected = (await house.reject("bob", approval_id)).json()
    assert (rejected["status"], rejected["decision_reason"], rejected["decided_by"]) == ("rejected", "too much", "bob")
    for response in (await house.approve("bob", approval_id), await house.points()):
        assert (response.status_code, response.json()["code"]) == (409, "invalid_state")
        assert "bob rejected it" in response.json()["detail"]
    assert house.done == []
    assert house.log.entries[3].reason == "too much"


async def test_the_proposer_can_take_it_back() -> None:
    house = House()
    assert (await house.reject("ann", await house.proposed())).status_code == 200


async def test_what_was_done_can_not_be_rejected() -> None:
    house = House()
    approval_id = await house.proposed()
    await house.approve("bob", approval_id)
    response = await house.reject("bob", approval_id)
    assert (response.status_code, response.json()["code"]) == (409, "invalid_state")


async def test_the_same_request_again_waits_once_and_is_not_done_again() -> None:
    """The engine forgets a command id after a day: it must not even be asked."""
    house = House()
    first = (await house.points()).json()
    again = (await house.points()).json()
    assert (again["approval_id"], again["replayed"], len(house.proposals.held)) == (first["approval_id"], True, 1)
    await house.approve("bob", first["approval_id"])
    answered = await house.points()
    assert (answered.status_code, answered.json()["code"]) == (409, "invalid_state")
    assert answered.json()["detail"].startswith("bob approved it at ")
    assert answered.json()["detail"].endswith(", and it was done.")
    assert house.done == [("AdjustPoints", "ann:k1")]


async def test_a_refusal_is_final() -> None:
    house = House(ScriptedPlayers(Rejection("insufficient_points", "too few")))
    approval_id = await house.proposed()
    assert (await house.approve("bob", approval_id)).status_code == 402
    house.players._outcome = None
    assert (await house.approve("bob", approval_id, "a2")).json()["status"] == "refused"
    assert (await house.points()).json()["detail"].endswith(", and it was refused: insufficient_points.")
    assert len(house.done) == 1


async def test_what_is_approved_but_not_carried_out_is_carried_out_by_its_proposer_once() -> None:
    house = House(ScriptedPlayers(Unavailable("shard_unavailable", "later")))
    approval_id = await house.proposed()
    assert (await house.approve("bob", approval_id)).status_code == 503
    house.players._outcome = None
    answered = await house.points()
    assert (answered.status_code, answered.json()["player_id"]) == (200, "p1")
    assert told(house)[-1] == (ADD, "done", "ann", "bob")
    (listed,) = (await house.ask("bob", "/approvals")).json()["approvals"]
    assert (listed["status"], listed["outcome"]) == ("done", "done")
    assert (await house.points()).json()["code"] == "invalid_state"
    assert len(house.done) == 2


@pytest.mark.parametrize("by", ["ann", "bob"])
async def test_an_approval_of_yesterday_without_an_outcome_is_not_carried_out(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether it was done, and the engine may have forgotten its key."""
    house = House(ScriptedPlayers(Unavailable("shard_unavailable", "later")))
    approval_id = await house.proposed()
    assert (await house.approve("bob", approval_id)).status_code == 503
    house.players._outcome = None
    later = second_person.now_ms() + CARRIED_OUT_MS
    for module in (routes, second_person):
        monkeypatch.setattr(module, "now_ms", lambda: later)
    answered = await house.points() if by == "ann" else await house.approve("bob", approval_id, "a2")
    assert (answered.status_code, answered.json()["code"]) == (409, "invalid_state")
    assert "propose it anew" in answered.json()["detail"]
    assert len(house.done) == 1
    (listed,) = (await house.ask("bob", "/approvals")).json()["approvals"]
    assert (listed["status"], listed["outcome"]) == ("approved", None)


async def test_another_request_under_the_same_key() -> None:
    house = House()
    await house.proposed()
    response = await house.points(points=600)
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_conflict")


async def test_after_seven_days_nobody_can_approve(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    approval_id = await house.proposed()
    later = routes.now_ms() + KEPT_MS
    monkeypatch.setattr(routes, "now_ms", lambda: later)
    response = await house.approve("bob", approval_id)
    assert (response.status_code, response.json()["code"]) == (409, "invalid_state")
    assert "Nobody approved it" in response.json()["detail"]
    (listed,) = (await house.ask("bob", "/approvals")).json()["approvals"]
    assert (listed["status"], house.done) == ("expired", [])


async def test_a_refusal_of_the_operation_is_its_outcome() -> None:
    house = House(ScriptedPlayers(Rejection("insufficient_points", "too few")))
    approval_id = await house.proposed()
    response = await house.approve("bob", approval_id)
    assert (response.status_code, response.json()["code"]) == (402, "insufficient_points")
    (listed,) = (await house.ask("bob", "/approvals")).json()["approvals"]
    assert (listed["status"], listed["outcome"]) == ("refused", "insufficient_points")
    assert (ADD, "insufficient_points", "ann", "bob") in told(house)


async def test_after_an_outage_it_is_approved_again_and_done() -> None:
    house = House(ScriptedPlayers(Unavailable("shard_unavailable", "later")))
    approval_id = await house.proposed()
    assert (await house.approve("bob", approval_id)).status_code == 503
    (listed,) = (await house.ask("bob", "/approvals")).json()["approvals"]
    assert (listed["status"], listed["decided_by"]) == ("approved", "bob")
    house.players._outcome = None
    assert (await house.approve("bob", approval_id)).json()["status"] == "done"
    assert {command for _, command in house.done} == {"ann:k1"}


async def test_without_a_log_nothing_is_proposed_or_approved() -> None:
    house = House()
    approval_id = await house.proposed()
    house.log.down = "away"
    for response in (await house.approve("bob", approval_id), await house.points(key="k2")):
        assert (response.status_code, response.json()["code"]) == (503, "journal_unavailable")
    assert (house.done, len(house.proposals.held)) == ([], 1)


async def test_too_many_wait() -> None:
    house = House()
    house.proposals.most = 1
    await house.proposed()
    response = await house.points(key="k2")
    assert (response.status_code, response.json()["code"]) == (429, "overloaded")


async def test_what_is_over_makes_room_and_what_is_approved_but_not_done_does_not() -> None:
    """Else the same request could be proposed anew, and done twice."""
    house = House(ScriptedPlayers(Unavailable("shard_unavailable", "later")))
    house.proposals.most = 2
    approved = await house.proposed()
    assert (await house.approve("bob", approved)).status_code == 503
    rejected = (await house.points(key="k2")).json()["approval_id"]
    assert (await house.points(key="k3")).json()["code"] == "overloaded"
    await house.reject("bob", rejected)
    assert (await house.points(key="k3")).status_code == 202
    assert approved in house.proposals.held and rejected not in house.proposals.held
    house.players._outcome = None
    assert (await house.approve("bob", approved)).json()["status"] == "done"
    assert (await house.points(key="k4")).status_code == 202
    assert approved not in house.proposals.held


async def test_an_unknown_approval() -> None:
    response = await House().approve("bob", "feed")
    assert (response.status_code, response.json()["code"]) == (404, "approval_not_found")


async def test_who_sees_what_waits() -> None:
    house = House()
    approval_id = await house.proposed()
    seen = {who: len((await house.ask(who, "/approvals")).json()["approvals"]) for who in PEOPLE}
    assert seen == {"ann": 1, "bob": 1, "eva": 1, "olga": 0, "mia": 0, "max": 0, "tom": 0}
    (shown,) = (await house.ask("eva", "/approvals")).json()["approvals"]
    assert (shown["approval_id"], shown["operation"], shown["player_id"]) == (approval_id, ADD, "p1")
    assert (shown["status"], shown["roles"], shown["decided_by"]) == ("waiting", ["loyalty_admin"], None)


async def test_a_forced_level_waits() -> None:
    house = House()
    body = {"player_id": "p1", "level": "gold", "reason": "vip"}
    response = await house.ask("ann", "/loyalty/status/update", body)
    assert response.status_code == 202
    await house.approve("bob", response.json()["approval_id"])
    (asked,) = house.players.asked
    assert (asked.command_id, asked.body) == ("ann:k1", ForceLevel("gold", "vip"))
