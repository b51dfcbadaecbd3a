"""Who may call what: every route × every role, over HTTP."""

import logging

import pytest

from gateway.access.roles import PUBLIC, ROLES, Role
from gateway.route_table import ROUTES
from tests.support.gateway_doubles import SAMPLES, RoleAuth, ScriptedControl, ScriptedPlayers, app_with, calling, send

COLUMNS = ("game_server", "platform", "loyalty_admin", "marketing_manager", "support", "ops", "auditor")
MATRIX = """
    POST /spin                            x . . . . . .
    POST /spin/{session_id}/result        x . . . . . .
    POST /spin/{session_id}/bet           x . . . . . .
    POST /spin/{session_id}/cancel        x . . . . . .
    POST /spin/rollback                   x . . . . . .
    GET /spin/{session_id}                x . . . x . .
    GET /players/{player_id}/rounds       x . x x x . .
    PUT /players/{player_id}              . x . . . . .
    GET /players/{player_id}              . x x x x . .
    POST /players/{player_id}/deposits    . x . . . . .
    POST /players/{player_id}/block       . x . . . . .
    POST /players/{player_id}/unblock     . x . . . . .
    POST /players/{player_id}/erase       . . . . x . .
    POST /players/{player_id}/flags/{flag_id}/clear  . . . . x . .
    POST /players/{player_id}/withdrawals . x . . . . .
    POST /players/{player_id}/withdrawals/{withdrawal_id}/confirm  . x . . . . .
    POST /players/{player_id}/withdrawals/{withdrawal_id}/cancel   . x . . . . .
    POST /players/{player_id}/sessions    . x . . . . .
    POST /players/{player_id}/events      . x . . . . .
    POST /players/{player_id}/codes       . x . . . . .
    POST /players/{player_id}/bets        . x . . . . .
    POST /players/{player_id}/bets/rollback  . x . . . . .
    GET /players/{player_id}/bonuses      . x x x x . .
    POST /players/{player_id}/bonuses     . . . x . . .
    GET /players/{player_id}/bonuses/{grant_id}/cancel-preview  . x x x x . .
    POST /players/{player_id}/bonuses/{grant_id}/claim    . x . . . . .
    POST /players/{player_id}/bonuses/{grant_id}/cancel   . x . x . . .
    POST /players/{player_id}/bonuses/{grant_id}/approve  . . . x . . .
    POST /players/{player_id}/bonuses/{grant_id}/decline  . . . x . . .
    POST /players/{player_id}/bonuses/{grant_id}/release  . . . x . . .
    GET /players/{player_id}/rtp          x x . . . . .
    GET /loyalty/levels                   . x x x x x x
    GET /loyalty/{player_id}              . x x x x . .
    POST /loyalty/points/add              . . x . . . .
    POST /loyalty/status/update           . . x . . . .
    POST /loyalty/redemptions             . x . . . . .
    POST /loyalty/redemptions/{redemption_id}/confirm  . x . . . . .
    POST /loyalty/redemptions/{redemption_id}/cancel   . x . . . . .
    GET /campaigns                        . x x x x x x
    GET /campaigns/{campaign_id}          . x x x x x x
    GET /catalog                          . . x x x x x
    POST /catalog/check                   . . x x . x .
    POST /catalog/deploy                  . . x x . x .
    POST /cluster/scale                   . . . . . x .
    POST /cluster/drain                   . . . . . x .
    POST /cluster/rolling-restart         . . . . . x .
    POST /cluster/rebalance               . . . . . x .
    POST /sandbox/clock                   . x . . . x .
    GET /players/{player_id}/receipts/{session_id}  . x . . x . x
    GET /players/{player_id}/history      . x . . x . x
    GET /players/{player_id}/rounds/{session_id}/explain  . x . . x . x
    GET /players/{player_id}/bonuses/{grant_id}/dispute.json  . . . . x . x
    GET /players/{player_id}/bonuses/{grant_id}/dispute.pdf  . . . . x . x
    GET /webhooks                         . . . . . x .
    POST /webhooks/{name}/test            . . . . . x .
    POST /webhooks/{name}/replay          . . . . . x .
    POST /webhooks/{name}/enable          . . . . . x .
    POST /webhooks/{name}/disable         . . . . . x .
    GET /switches                         . . x x x x x
    POST /switches                        . . . . . x .
    GET /reports                          . x x x x x x
    GET /reports/{name}.{format}          . . . x . . x
    GET /readers/{name}/stopped           . . . . . x .
    POST /readers/{name}/stopped/{player_id}/resume       . . . . . x .
    GET /cluster                          . . . . x x x
    GET /audit                            . . . . . . x
    GET /approvals                        . . x x . x x
    POST /approvals/{approval_id}/approve . . x x . x .
    POST /approvals/{approval_id}/reject  . . x x . x .
    GET /health/live                      x x x x x x x
    GET /health/ready                     x x x x x x x
    GET /metrics                          x x x x x x x
    GET /metrics/targets                  x x x x x x x
    GET /asyncapi.json                    x x x x x x x
"""
ALLOWED = {
    (" ".join(words[:2]), role): mark == "x"
    for words in (line.split() for line in MATRIX.strip().splitlines())
    for role, mark in zip(COLUMNS, words[2:], strict=True)
}


@pytest.mark.parametrize("role", ROLES)
async def test_every_route_for_every_role(role: Role, caplog: pytest.LogCaptureFixture) -> None:
    for name in ROUTES:
        caplog.clear()
        players, control = ScriptedPlayers(), ScriptedControl()
        with caplog.at_level(logging.WARNING, "croupier.audit"):
            async with calling(app_with(players, RoleAuth(role), control=control)) as client:
                response = await send(client, name)
        if ALLOWED[name, role]:
            assert response.status_code < 300, (name, response.text)
            continue
        assert (response.status_code, response.json()["code"], players.asked) == (403, "forbidden", []), name
        assert (control.bundles, control.deploys, control.advanced) == ([], [], {}), name
        assert f"caller=tester roles={role} route={name}" in caplog.text


async def test_no_role_opens_nothing() -> None:
    async with calling(app_with(auth=RoleAuth())) as client:
        for name, route in ROUTES.items():
            expected = 200 if route.roles == PUBLIC else 403
            assert (await send(client, name)).status_code == expected, name


def test_every_route_that_is_served_is_declared_and_has_its_roles_here() -> None:
    served = {
        f"{method.upper()} {path}" for path, methods in app_with().openapi()["paths"].items() for method in methods
    }
    assert served == set(ROUTES) == set(SAMPLES) == {name for name, _ in ALLOWED}
