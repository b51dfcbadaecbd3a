"""A name twice in a JSON object: refused wherever the gateway reads JSON, whatever comes of the last value."""

import json

import pytest

from tests.support.gateway_doubles import SAMPLES, ScriptedControl, ScriptedPlayers, app_with, calling

HEADERS = {"idempotency-key": "k1", "content-type": "application/json"}
WITH_BODY = [name for name, sample in SAMPLES.items() if sample.json]


async def refusal(method: str, path: str, content: str) -> tuple[int, str, list[dict[str, str]]]:
    players, control = ScriptedPlayers(), ScriptedControl()
    async with calling(app_with(players, control=control)) as client:
        response = await client.request(method, path, content=content.encode(), headers=HEADERS)
    assert (players.asked, control.bundles, control.deploys, control.advanced) == ([], [], [], {})
    document = response.json()
    return response.status_code, document["code"], document["errors"]


@pytest.mark.parametrize("name", WITH_BODY)
async def test_every_route_refuses_a_name_twice(name: str) -> None:
    method, _, _ = name.partition(" ")
    path, body = SAMPLES[name]
    assert body is not None
    first, value = next(iter(body.items()))
    content = json.dumps(body)[:-1] + f", {json.dumps(first)}: {json.dumps(value)}}}"
    expected = [{"field": first, "reason": "occurs more than once in its object"}]
    assert await refusal(method, path, content) == (400, "invalid_request", expected)


RESULT, DEPOSIT, EVENT = "/spin/s-1/result", "/players/p1/deposits", "/players/p1/events"


@pytest.mark.parametrize(
    ("path", "content", "field"),
    [
        (RESULT, '{"player_id":"p1","win":1,"win":2}', "win"),
        (RESULT, '{"win":1,"player_id":"p1","final":true,"w\\u0069n":1}', "win"),
        (RESULT, '{"player_id":"p1","player_id":"p2","win":1}', "player_id"),
        ("/spin/rollback", '{"player_id":"p1","transaction_id":"a","transaction_id":"b"}', "transaction_id"),
        ("/spin/s-1/bet", '{"player_id":"p1","amount":1,"amount":1}', "amount"),
        (DEPOSIT, '{"amount":1,"amount":1000000}', "amount"),
        (DEPOSIT, '{"amount":1,"\\u0061mount":1}', "amount"),
        (EVENT, '{"name":"e","payload":{"a":1,"a":2}}', "a"),
        (EVENT, '{"name":"e","payload":{"b":[{"c":{"a":1,"\\u0061":1}}]}}', "a"),
        (EVENT, '{"name":"e","payload":{"":1,"":2}}', "body"),
        (EVENT, '{"name":"e","payload":{"\u00e9":1,"\u00e9":2}}', "\\xe9"),
        ("/catalog/check", '{"files":{"games.yaml":"a","games.yaml":"b"}}', "games.yaml"),
        ("/catalog/deploy", '{"files":{},"files":{"games.yaml":"b"}}', "files"),
    ],
)
async def test_the_name_is_told_however_it_is_written(path: str, content: str, field: str) -> None:
    status, code, errors = await refusal("POST", path, content)
    assert (status, code, [error["field"] for error in errors]) == (400, "invalid_request", [field])


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (RESULT, '{"player_id":"win","win":1}'),
        (RESULT, '{"player_id":"final","win":1,"final":true}'),
        ("/spin/rollback", '{"player_id":"player_id","transaction_id":"transaction_id"}'),
        ("/spin/rollback", '{"player_id":"p1","transaction_id":"a\\\\b"}'),
        (EVENT, '{"name":"name","payload":{"name":{"name":1},"payload":["name","name"]}}'),
    ],
)
async def test_a_name_that_is_also_a_value_is_no_duplicate(path: str, content: str) -> None:
    players = ScriptedPlayers()
    async with calling(app_with(players)) as client:
        response = await client.post(path, content=content.encode(), headers=HEADERS)
    assert response.status_code < 300, response.text
    assert len(players.asked) == 1
