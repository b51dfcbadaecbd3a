"""A player's bonuses over HTTP, by the rules themselves: texts, opt-in, verdicts, giving up, withdrawals."""

from typing import Any

import httpx
import pytest

from actors.outcome import Answered
from engine.answers import AwardsAnswer, Granted
from tests.support.engine_players import EnginePlayers
from tests.support.gateway_doubles import BALANCE, ScriptedPlayers, app_with, calling


class Caller:
    """Everything of player `p1`; each change under a key of its own, and it must succeed."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._key = 0

    async def get(self, path: str, **headers: str) -> Any:
        response = await self._client.get(f"/players/p1{path}", headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def do(self, path: str, body: Any = None, method: str = "POST") -> Any:
        self._key += 1
        headers = {"idempotency-key": f"k{self._key}"}
        response = await self._client.request(method, f"/players/p1{path}", json=body, headers=headers)
        assert response.status_code in (200, 201), response.text
        return response.json()

    async def declined(self, path: str, body: Any) -> Any:
        """The problem document `grant_declined`, always under the same key."""
        headers = {"idempotency-key": "declined"}
        response = await self._client.post(f"/players/p1{path}", json=body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (409, "grant_declined"), response.text
        return response.json()

    async def grant(self, campaign_id: str) -> Any:
        return await self.do("/bonuses", {"campaign_id": campaign_id, "reason": "sorry"})


async def registered(client: httpx.AsyncClient, **profile: str) -> Caller:
    caller = Caller(client)
    await caller.do("", {"currency": "EUR", **profile}, "PUT")
    await caller.do("/deposits", {"amount": 1_000})
    return caller


@pytest.mark.parametrize(
    ("of_player", "query", "accept", "language", "name"),
    [
        (None, "", "", "en", "A gift"),
        ("sv-SE", "", "", "sv", "En gåva"),
        ("sv", "", "fr, de;q=0.5", "de", "Ein Geschenk"),
        ("sv", "?lang=en", "de", "en", "A gift"),
    ],
)
async def test_texts_of_a_bonus(of_player: str | None, query: str, accept: str, language: str, name: str) -> None:
    async with calling(app_with(EnginePlayers())) as client:
        caller = await registered(client, **({} if of_player is None else {"language": of_player}))
        await caller.grant("gift")
        answer = await caller.get(f"/bonuses{query}", **{"accept-language": accept})
    assert answer["language"] == language
    (bonus,) = answer["grants"]
    assert (bonus["name"], bonus["description"]) == (name, "5 EUR for you.")
    assert (bonus["state"], bonus["balance"], bonus["remaining_wager"]) == ("in_wager", 500, 17_500)


async def test_opt_in_preview_and_giving_up() -> None:
    async with calling(app_with(EnginePlayers())) as client:
        caller = await registered(client)
        offered = await caller.grant("offer")
        path = f"/bonuses/{offered['granted']['grant_id']}"
        (waiting,) = (await caller.get("/bonuses"))["grants"]
        claimed = await caller.do(f"{path}/claim")
        preview = await caller.get(f"{path}/cancel-preview")
        given_up = await caller.do(f"{path}/cancel", {"reason": "asked by phone"})
    assert (offered["granted"]["state"], waiting["awaits"], waiting["balance"]) == ("initiated", ["claim"], 0)
    assert (claimed["state"], claimed["balance"]["bonus"]) == ("in_wager", 500)
    assert preview == {"removed": {"bonus": 500, "free_spins": 0}, "kept": {"real": 1_000}}
    assert (given_up["state"], given_up["campaign_id"], given_up["balance"]["bonus"]) == ("cancelled", "offer", 0)


async def test_a_grant_the_gate_declines_is_told_and_kept() -> None:
    """1 000.01 EUR are more than the 1 000 EUR a player may get in a week: nothing moves."""
    async with calling(app_with(EnginePlayers())) as client:
        caller = await registered(client)
        answer = await caller.declined("/bonuses", {"campaign_id": "fortune", "reason": "sorry"})
        (kept,) = (await caller.get("/bonuses"))["grants"]
        assert (await caller.get(""))["balance"]["bonus"] == 0
    (declined,) = answer["declined"]
    assert answer["reasons"] == declined["reasons"] == ["max_bonus_per_player"]
    assert (kept["grant_id"], kept["state"], kept["reasons"]) == (
        declined["grant_id"],
        "declined",
        ["max_bonus_per_player"],
    )


async def test_the_key_of_a_declined_grant_is_remembered() -> None:
    """The same key hears the same and makes no second grant; another campaign under it is another command."""
    body = {"campaign_id": "fortune", "reason": "sorry"}
    async with calling(app_with(EnginePlayers())) as client:
        caller = await registered(client)
        first = await caller.declined("/bonuses", body)
        again = await caller.declined("/bonuses", body)
        gift = body | {"campaign_id": "gift"}
        other = await client.post("/players/p1/bonuses", json=gift, headers={"idempotency-key": "declined"})
        held = (await caller.get("/bonuses"))["grants"]
    assert first["replayed"] is False
    assert again == first | {"replayed": True}
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert [grant["state"] for grant in held] == ["declined"]


@pytest.mark.parametrize(
    ("granted", "declined", "status"),
    [("gift", "spring", 201), ("gift", "", 201), ("", "spring", 409), ("", "", 201)],
)
async def test_a_code_is_declined_when_nothing_of_it_is_granted(granted: str, declined: str, status: int) -> None:
    """Two campaigns may wait for one code: what one of them gives is told with what the other did not."""
    given = (Granted(granted, "g-1", 500),) if granted else ()
    refused = (Granted(declined, "g-2", 500, state="declined", reasons=("per_device",)),) if declined else ()
    players = ScriptedPlayers(Answered(AwardsAnswer(BALANCE, given, refused)))
    async with calling(app_with(players)) as client:
        response = await client.post("/players/p1/codes", json={"code": "SPRING"}, headers={"idempotency-key": "k"})
        event = await client.post("/players/p1/events", json={"name": "e"}, headers={"idempotency-key": "k"})
    assert (response.status_code, event.status_code) == (status, 201)
    assert [award["campaign_id"] for award in response.json()["declined"]] == [declined] * len(refused)


async def test_an_event_with_another_payload_under_the_same_key_is_another_command() -> None:
    """The order of members and spaces say nothing; values do."""
    async with calling(app_with(EnginePlayers())) as client:
        await registered(client)
        answers = [
            await client.post(
                "/players/p1/events",
                content=b'{"name": "quiz", "payload": ' + payload + b"}",
                headers={"idempotency-key": "e", "content-type": "application/json"},
            )
            for payload in (
                b'{"a": 1, "b": {"c": 2, "d": 3}}',
                b'{"b":{"d":3,"c":2},"a":1}',
                b'{"a": 2}',
                b"{}",
                b"null",
            )
        ]
    outcomes = [(answer.status_code, answer.json().get("code")) for answer in answers]
    assert outcomes == [(201, None), (200, None), *[(409, "idempotency_conflict")] * 3]


async def test_a_withdrawal_freezes_and_cancelling_it_gives_back() -> None:
    async with calling(app_with(EnginePlayers())) as client:
        caller = await registered(client)
        await caller.grant("gift")
        reserved = await caller.do("/withdrawals", {"amount": 400, "forfeit_bonuses": True})
        meanwhile = await caller.get("")
        back = await caller.do(f"/withdrawals/{reserved['withdrawal_id']}/cancel")
        after = await caller.get("")
    assert (reserved["state"], reserved["balance"]["withdrawable"]) == ("reserved", 600)
    assert [of["withdrawal_id"] for of in meanwhile["withdrawals"]] == [reserved["withdrawal_id"]]
    assert (meanwhile["grants"][0]["frozen"], meanwhile["balance"]["bonus_usable"]) == (True, 0)
    assert (back["state"], back["balance"]["withdrawable"]) == ("cancelled", 1_000)
    assert (after["withdrawals"], after["grants"][0]["frozen"]) == ([], False)


async def test_a_confirmed_withdrawal_takes_money_and_bonus() -> None:
    async with calling(app_with(EnginePlayers())) as client:
        caller = await registered(client)
        await caller.grant("gift")
        reserved = await caller.do("/withdrawals", {"amount": 400, "forfeit_bonuses": True})
        confirmed = await caller.do(f"/withdrawals/{reserved['withdrawal_id']}/confirm", {})
    assert confirmed["state"] == "confirmed"
    assert confirmed["balance"] == {"real": 600, "bonus": 0, "bonus_usable": 0, "withdrawable": 600}


async def test_a_reported_bet_and_its_rollback() -> None:
    async with calling(app_with(EnginePlayers())) as client:
        caller = await registered(client)
        bet = await caller.do("/bets", {"amount": 333, "game_type": "table"})
        undone = await caller.do("/bets/rollback", {"transaction_id": "k3"})
        unheard = await caller.do("/bets/rollback", {"transaction_id": "k99"})
    assert (bet["turnover_eur"], undone["status"], unheard["status"]) == ("3.33", "rolled_back", "tombstoned")
