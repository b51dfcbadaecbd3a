"""A game server's key is rotated while it plays: nothing is restarted, and what it did stays its own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from croupier.demo.client import Signer
from tests.support.croupier_up import KEYS, SIGNERS, CroupierUp, register, wait_until

pytestmark = pytest.mark.timeout(240)

SPIN = "/spin?player_id=rota&game_id=book-of-dunes&mode=real&bet=100&win=40"
NEXT = {"id": "next", "secret": "the secret that follows", "role": "game_server", "client": "game_server"}


@pytest.fixture
def keys(server: CroupierUp) -> Iterator[Path]:
    """The keys file of the shared server, which has its old keys again afterwards."""
    path = server.folder / "keys.json"
    yield path
    path.write_text(json.dumps(KEYS))
    wait_until("the old keys are back", lambda: server.api.game("GET", "/players/rota/rounds").status_code == 200)


def test_a_key_is_rotated_under_way(server: CroupierUp, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = server.api
    monkeypatch.setitem(SIGNERS, "next", Signer("next", NEXT["secret"]))
    register(api, "rota")

    def status(signer: str) -> int:
        return api.signed(signer, "GET", "/players/rota/rounds").status_code

    first = api.game("POST", SPIN, key="spin-1").json()
    assert (first["replayed"], status("next")) == (False, 401)

    old, platform = KEYS["api_keys"]
    keys.write_text(json.dumps(KEYS | {"api_keys": [old, NEXT, platform]}))
    wait_until("the new key is believed", lambda: status("next") == 200)
    assert status("game_server") == 200
    assert api.signed("next", "POST", SPIN, key="spin-1").json() == first | {"replayed": True}

    keys.write_text(json.dumps(KEYS | {"api_keys": [NEXT, platform | {"role": "game_server", "client": "x"}]})[:-9])
    wait_until("the broken file is refused", lambda: "the keys in force stay" in server.stderr())
    assert (status("next"), status("game_server")) == (200, 200)

    keys.write_text(json.dumps(KEYS | {"api_keys": [NEXT, platform]}))
    wait_until("the old key is gone", lambda: status("game_server") == 401)
    body = {"player_id": "rota", "transaction_id": "spin-1"}
    assert api.signed("next", "POST", "/spin/rollback", body).json()["status"] == "rolled_back"
    told = api.person("auditor", "GET", "/audit?operation=keys file reloaded").json()["entries"]
    assert [(entry["after"]["came"], entry["after"]["went"]) for entry in told] == [
        ([], ["api key game_server (game_server)"]),
        (["api key next (game_server)"], []),
    ]
    assert NEXT["secret"] not in json.dumps(told)
