"""The players of the load test, without locust: their books agree with a real server for as long as they play."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from croupier.settings import default_catalog
from croupier_client.signing import Signer
from tests.load.asking import Caller, Judge, Outcome, Proof, Reply, Request
from tests.load.player import Manners, Player
from tests.load.tally import Tally
from tests.load.terms import read_shelf
from tests.support.croupier_up import CroupierUp, token

PLAYERS, STEPS = 6, 150


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CroupierUp]:
    folder: Path = tmp_path_factory.mktemp("load")
    running = CroupierUp(folder, f"sqlite:{folder / 'store'}", "--shards", "1", "--spares", "0")
    yield running
    running.stop()


@pytest.mark.timeout(180)
def test_the_books_of_every_player_agree_with_the_server(server: CroupierUp) -> None:
    tally = Tally()
    with httpx.Client(base_url=server.url, timeout=20) as client:

        def send(request: Request, headers: Mapping[str, str], judged: Judge) -> Outcome:
            answer = client.request(request.method, request.target, content=request.body, headers=dict(headers))
            return judged(Reply(answer.status_code, answer.headers, answer.content))

        signers = [Signer(role, f"secret-of-{role}") for role in ("game_server", "platform")]
        caller = Caller(send, Proof(*signers, token("marketing_manager")), tally)
        shelf = read_shelf(default_catalog())
        for number in range(PLAYERS):
            player = Player(f"books-{number}", caller, shelf, tally, Manners(pause=lambda: None))
            player.arrive()
            for _ in range(STEPS):
                player.step()
            player.reconcile()
    assert tally.differences == []
    counts = tally.counts
    assert (counts["players"], counts["reconciled"]) == (PLAYERS, PLAYERS)
    assert (counts["expected_real"], counts["expected_bonus"]) == (counts["held_real"], counts["held_bonus"])
    for done in ("awards", "free_rounds", "repeats", "rollbacks", "expected_refusals"):
        assert counts[done] > 0, f"no {done}: the players do too little to show anything"
