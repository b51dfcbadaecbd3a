"""A timeline, an explained round, the file of a dispute."""

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from gateway.ports import HistoryBusy

AMOUNTS: Mapping[str, Any] = {"real": -100, "bonus": 0, "points": "1"}
LINE: Mapping[str, Any] = {
    "event": "BetPlaced",
    "text": "The whole stake of 1.00 EUR came from real money: no bonus was in wager.",
    "rules": [{"section": "§2.1", "paragraph": "A stake is taken from the real wallet first"}],
    "moved": AMOUNTS,
    "instead": None,
}
SECRET_LINE: Mapping[str, Any] = {
    **LINE,
    "event": "LevelChanged",
    "text": "The level changed to gold.",
    "instead": "Something changed.",
}
STEP: Mapping[str, Any] = {
    **{name: SECRET_LINE[name] for name in ("event", "text", "rules", "instead")},
    "version": 3,
    "time": "2026-01-01T00:00:00.000Z",
    "balance": 1_000,
    "remaining": 35_000,
}
ENTRY: Mapping[str, Any] = {
    "version": 3,
    "time": "2026-01-01T00:00:00.000Z",
    "request_id": "k1",
    "moved": AMOUNTS,
    "after": AMOUNTS,
}
HISTORY: Mapping[str, Any] = {
    "player_id": "p1",
    "currency": "EUR",
    "exponent": 2,
    "entries": [{**ENTRY, "lines": [LINE, SECRET_LINE]}],
    "cursor": "sealed",
    "complete": True,
    "note": "",
}
EXPLAINED: Mapping[str, Any] = {
    "player_id": "p1",
    "session_id": "p1-3",
    "game_id": "book",
    "round_id": None,
    "mode": "real",
    "state": "closed",
    "currency": "EUR",
    "exponent": 2,
    "entries": [{**ENTRY, "steps": [LINE], "level": "gold"}],
    "moved": AMOUNTS,
    "terms": [],
    "catalog": "77aa",
    "read_through": 9,
    "notes": [],
    "receipt_url": "/players/p1/receipts/p1-3",
}
TERMS: Mapping[str, Any] = {
    "grant_id": "g-1",
    "campaign_id": "gift",
    "multiplier": "35",
    "wager_total": 35_000,
    "min_bet": None,
    "max_bet": 500,
    "over_max_bet": "reject",
    "max_bet_counts": "round",
    "excluded_games": [],
    "excluded_policy": "no_progress",
    "contribution_games": {},
    "contribution_types": {"table": 10},
    "max_cashout": None,
    "min_average_bet": None,
    "funds_order": None,
    "cancel_on_withdrawal": True,
    "words": ["To be wagered: 350.00 EUR (multiplier 35)."],
}
DISPUTE: Mapping[str, Any] = {
    "player_id": "p1",
    "grant_id": "g-1",
    "campaign_id": "gift",
    "source": "manual",
    "currency": "EUR",
    "exponent": 2,
    "state": "in_wager",
    "created_at": "2026-01-01T00:00:00.000Z",
    "opted_in_at": None,
    "granted_at": "2026-01-01T00:00:00.000Z",
    "ended_at": None,
    "amount": 1_000,
    "balance": 1_000,
    "released": 0,
    "removed": 0,
    "wager_total": 35_000,
    "counted": 0,
    "remaining": 35_000,
    "ending": "The bonus has not ended.",
    "limit_hit": None,
    "verdict": "allow",
    "reasons": [],
    "terms": TERMS,
    "catalog": "77aa",
    "bets": [],
    "steps": [],
    "read_through": 9,
    "notes": [],
}
HISTORY_ANSWERS: Mapping[str, Any] = {"history": HISTORY, "round": EXPLAINED, "dispute": DISPUTE}


class ScriptedHistory:
    """Finds everything, or says `said`; remembers what it was asked. `busy`: it has no place."""

    def __init__(self, said: Mapping[str, Any] | None = None, busy: bool = False) -> None:
        self.asked: list[Any] = []
        self._said, self._busy = said, busy

    async def ask_history(self, request: bytes) -> bytes:
        if self._busy:
            raise HistoryBusy
        self.asked.append(json.loads(request))
        found: Mapping[str, Any] = {"outcome": "found", "document": HISTORY_ANSWERS[self.asked[-1]["do"]]}
        if self.asked[-1].get("form") == "pdf":
            found = {"outcome": "found", "pdf": b64encode(b"%PDF-1.7").decode()}
        return json.dumps(self._said or found).encode()
