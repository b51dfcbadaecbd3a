"""Readers who answer: the archive with a receipt, webhooks with an endpoint."""

import json
from collections.abc import Mapping
from typing import Any

ENDPOINT: Mapping[str, Any] = {
    "name": "pms",
    "url": "https://pms.example/hooks",
    "mode": "latest",
    "events": ["LevelChanged"],
    "state": "ok",
    "why": "",
    "owed": 2,
    "lag_ms": 1_500,
    "dead": 0,
    "last_success": "2026-01-01T00:00:00.000Z",
    "failing_since": None,
    "disabled_since": None,
}
RECEIPT: Mapping[str, Any] = {
    "format": 1,
    "player_id": "p1",
    "session_id": "s-1",
    "entries": [{"version": 3, "leaf": "ZW50cnk=", "index": 7, "path": ["cGF0aA=="]}],
    "checkpoint": "casino.example/log\n8\ncm9vdA==\n\n— casino.example/log c2ln\n",
    "more": False,
}
READER_ANSWERS: Mapping[str, Any] = {
    "receipt": {"outcome": "proven", "receipt": RECEIPT, "version": 3},
    "list": {"endpoints": [ENDPOINT]},
    "test": {"endpoint": "pms", "outcome": "delivered", "status": 204, "ms": 12, "detail": ""},
    "replay": {"endpoint": "pms", "replayed": 1, "missing": [], "next_ms": None},
    "enable": ENDPOINT,
    "disable": ENDPOINT,
    "stopped": {"count": 1, "players": [{"player_id": "p1", "last": 3, "came": 5, "at": "2026-03-01T12:00:00.000Z"}]},
    "resume": {"player_id": "p1", "resumed": True, "last": 3},
}


class ScriptedReaders:
    """Answers everything plausibly, or with `said`; remembers what it was asked."""

    def __init__(self, said: Mapping[str, Any] | None = None) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._said = said

    async def ask_reader(self, name: str, request: bytes) -> bytes:
        self.asked.append((name, json.loads(request)))
        return json.dumps(self._said or READER_ANSWERS[self.asked[-1][1]["do"]]).encode()
