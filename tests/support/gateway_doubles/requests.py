"""The smallest valid request of every route."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from gateway.route_table import ROUTES
from tests.support.gateway_doubles.control import WAITS


class Sample(NamedTuple):
    """A valid request: path and query, and a JSON body if the route takes one."""

    path: str
    json: Mapping[str, Any] | None = None


REASON = {"reason": "checked"}
SPIN = "/spin?player_id=p1&game_id=book-of-dunes&mode=real&bet=100"
SAMPLES: Mapping[str, Sample] = {
    "POST /spin": Sample(SPIN),
    "POST /spin/{session_id}/result": Sample("/spin/s-1/result", {"player_id": "p1", "win": 250}),
    "POST /spin/{session_id}/bet": Sample("/spin/s-1/bet", {"player_id": "p1", "amount": 50}),
    "POST /spin/{session_id}/cancel": Sample("/spin/s-1/cancel", {"player_id": "p1"}),
    "POST /spin/rollback": Sample("/spin/rollback", {"player_id": "p1", "transaction_id": "bet-1"}),
    "GET /spin/{session_id}": Sample("/spin/s-1?player_id=p1"),
    "GET /players/{player_id}/rounds": Sample("/players/p1/rounds"),
    "PUT /players/{player_id}": Sample("/players/p1", {"currency": "EUR"}),
    "GET /players/{player_id}": Sample("/players/p1"),
    "POST /players/{player_id}/deposits": Sample("/players/p1/deposits", {"amount": 10_000}),
    "POST /players/{player_id}/block": Sample("/players/p1/block", {"reason": "fraud"}),
    "POST /players/{player_id}/unblock": Sample("/players/p1/unblock", {"reason": "cleared"}),
    "POST /players/{player_id}/erase": Sample("/players/p1/erase", {"reason": "asked for by mail"}),
    "POST /players/{player_id}/flags/{flag_id}/clear": Sample(
        "/players/p1/flags/f0123456789abcdef/clear", {"reason": "settled by hand"}
    ),
    "POST /players/{player_id}/withdrawals": Sample("/players/p1/withdrawals", {"amount": 400}),
    "POST /players/{player_id}/withdrawals/{withdrawal_id}/confirm": Sample("/players/p1/withdrawals/w7/confirm", {}),
    "POST /players/{player_id}/withdrawals/{withdrawal_id}/cancel": Sample("/players/p1/withdrawals/w7/cancel", {}),
    "POST /players/{player_id}/sessions": Sample("/players/p1/sessions", {}),
    "POST /players/{player_id}/events": Sample("/players/p1/events", {"name": "app_installed"}),
    "POST /players/{player_id}/codes": Sample("/players/p1/codes", {"code": "SPRING"}),
    "POST /players/{player_id}/bets": Sample("/players/p1/bets", {"amount": 333, "game_type": "table"}),
    "POST /players/{player_id}/bets/rollback": Sample("/players/p1/bets/rollback", {"transaction_id": "bet-1"}),
    "GET /players/{player_id}/bonuses": Sample("/players/p1/bonuses"),
    "POST /players/{player_id}/bonuses": Sample("/players/p1/bonuses", {"campaign_id": "gift", "reason": "sorry"}),
    "GET /players/{player_id}/bonuses/{grant_id}/cancel-preview": Sample("/players/p1/bonuses/g-1/cancel-preview"),
    "POST /players/{player_id}/bonuses/{grant_id}/claim": Sample("/players/p1/bonuses/g-1/claim", {}),
    "POST /players/{player_id}/bonuses/{grant_id}/cancel": Sample("/players/p1/bonuses/g-1/cancel", {}),
    "POST /players/{player_id}/bonuses/{grant_id}/approve": Sample("/players/p1/bonuses/g-1/approve", REASON),
    "POST /players/{player_id}/bonuses/{grant_id}/decline": Sample("/players/p1/bonuses/g-1/decline", REASON),
    "POST /players/{player_id}/bonuses/{grant_id}/release": Sample("/players/p1/bonuses/g-1/release", REASON),
    "GET /players/{player_id}/rtp": Sample("/players/p1/rtp?game_id=book-of-dunes"),
    "GET /loyalty/levels": Sample("/loyalty/levels"),
    "GET /loyalty/{player_id}": Sample("/loyalty/p1"),
    "POST /loyalty/points/add": Sample("/loyalty/points/add", {"player_id": "p1", "points": -5, **REASON}),
    "POST /loyalty/status/update": Sample("/loyalty/status/update", {"player_id": "p1", "level": "gold", **REASON}),
    "POST /loyalty/redemptions": Sample("/loyalty/redemptions", {"player_id": "p1", "points": 1_000}),
    "POST /loyalty/redemptions/{redemption_id}/confirm": Sample("/loyalty/redemptions/r9/confirm", {"player_id": "p1"}),
    "POST /loyalty/redemptions/{redemption_id}/cancel": Sample("/loyalty/redemptions/r9/cancel", {"player_id": "p1"}),
    "GET /campaigns": Sample("/campaigns"),
    "GET /campaigns/{campaign_id}": Sample("/campaigns/gift"),
    "GET /catalog": Sample("/catalog"),
    "POST /catalog/check": Sample("/catalog/check", {"files": {"games.yaml": "games: {}"}}),
    "POST /catalog/deploy": Sample("/catalog/deploy", {"files": {"games.yaml": "games: {}"}}),
    "POST /cluster/scale": Sample("/cluster/scale", {"shards": 4}),
    "POST /cluster/drain": Sample("/cluster/drain", {"shard": "s1"}),
    "POST /cluster/rolling-restart": Sample("/cluster/rolling-restart", {}),
    "POST /cluster/rebalance": Sample("/cluster/rebalance", {}),
    "POST /sandbox/clock": Sample("/sandbox/clock", {"advance_seconds": 60}),
    "GET /players/{player_id}/receipts/{session_id}": Sample("/players/p1/receipts/s-1"),
    "GET /players/{player_id}/history": Sample("/players/p1/history"),
    "GET /players/{player_id}/rounds/{session_id}/explain": Sample("/players/p1/rounds/p1-3/explain"),
    "GET /players/{player_id}/bonuses/{grant_id}/dispute.json": Sample("/players/p1/bonuses/g-1/dispute.json"),
    "GET /players/{player_id}/bonuses/{grant_id}/dispute.pdf": Sample("/players/p1/bonuses/g-1/dispute.pdf"),
    "GET /webhooks": Sample("/webhooks"),
    "POST /webhooks/{name}/test": Sample("/webhooks/pms/test"),
    "POST /webhooks/{name}/replay": Sample("/webhooks/pms/replay", {"ids": ["p1-3-0"]}),
    "POST /webhooks/{name}/enable": Sample("/webhooks/pms/enable"),
    "POST /webhooks/{name}/disable": Sample("/webhooks/pms/disable"),
    "GET /switches": Sample("/switches"),
    "POST /switches": Sample("/switches", {"scope": "game", "id": "book-of-dunes", "enabled": False, **REASON}),
    "GET /reports": Sample("/reports"),
    "GET /reports/{name}.{format}": Sample("/reports/ggr.csv"),
    "GET /readers/{name}/stopped": Sample("/readers/archive/stopped"),
    "POST /readers/{name}/stopped/{player_id}/resume": Sample("/readers/archive/stopped/p1/resume"),
    "GET /cluster": Sample("/cluster"),
    "GET /audit": Sample("/audit"),
    "GET /approvals": Sample("/approvals"),
    "POST /approvals/{approval_id}/approve": Sample(f"/approvals/{WAITS}/approve"),
    "POST /approvals/{approval_id}/reject": Sample(f"/approvals/{WAITS}/reject", {"reason": "not like this"}),
    "GET /health/live": Sample("/health/live"),
    "GET /health/ready": Sample("/health/ready"),
    "GET /metrics": Sample("/metrics"),
    "GET /metrics/targets": Sample("/metrics/targets"),
    "GET /asyncapi.json": Sample("/asyncapi.json"),
}
KEYED = [name for name, route in ROUTES.items() if route.keyed]
"""What changes something, and needs a key."""
CHANGES = [name for name in KEYED if ROUTES[name].asks_player]
"""What changes a player."""


async def send(
    client: httpx.AsyncClient, name: str, key: str | None = "k1", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Sends a route's sample."""
    sample = SAMPLES[name]
    keyed = {} if key is None else {"idempotency-key": key}
    method = name.partition(" ")[0]
    return await client.request(method, sample.path, json=sample.json, headers=keyed | dict(headers or {}))
