"""The players of the load test, without locust: their books agree with a real server for as long as they play."""

from collections.abc import Callable, Iterator, Mapping

import httpx
import pytest

from croupier.settings import default_catalog
from croupier_client.signing import Signer
from tests.load.asking import Caller, Judge, Outcome, Proof, Reply, Request
from tests.load.player import Manners, Player
from tests.load.tally import Tally
from tests.load.terms import read_shelf
from tests.support.croupier_up import CroupierUp, token

pytestmark = pytest.mark.long

PLAYERS, STEPS = 6, 150
OFTEN, ALWAYS = 0.4, 1.0
"""Shares of bets that are rolled back: far more than under load, so that rare cases come up."""
Newcomer = Callable[[str, float, Tally], Player]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CroupierUp]:
    folder = tmp_path_factory.mktemp("load")
    running = CroupierUp(folder, f"sqlite:{folder / 'store'}", "--shards", "1", "--spares", "0")
    yield running
    running.stop()


@pytest.fixture
def newcomer(server: CroupierUp) -> Iterator[Newcomer]:
    """Makes a player, by id, share of bets that are rolled back, and tally."""
    signers = [Signer(role, f"secret-of-{role}") for role in ("game_server", "platform")]
    shelf = read_shelf(default_catalog())
    with httpx.Client(base_url=server.url, timeout=20) as client:

        def send(request: Request, headers: Mapping[str, str], judged: Judge) -> Outcome:
            answer = client.request(request.method, request.target, content=request.body, headers=dict(headers))
            return judged(Reply(answer.status_code, answer.headers, answer.content))

        def make(player_id: str, rollback_share: float, tally: Tally) -> Player:
            caller = Caller(send, Proof(*signers, token("marketing_manager")), tally)
            manners = Manners(pause=lambda: None, rollback_share=rollback_share)
            return Player(player_id, caller, shelf, tally, manners)

        yield make


@pytest.mark.timeout(240)
def test_the_books_of_every_player_agree_with_the_server(newcomer: Newcomer) -> None:
    tally = Tally()
    for number in range(PLAYERS):
        player = newcomer(f"books-{number}", OFTEN, tally)
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


@pytest.mark.timeout(240)
def test_winnings_that_were_rolled_back_keep_their_place_in_the_queue(newcomer: Newcomer) -> None:
    tally = Tally()
    player = newcomer("winner", ALWAYS, tally)
    player.register()
    player.deposit(1_000)
    (package,) = player.books.packages
    player.one_call("book-of-dunes", 10, package, win=50)
    player.enter_code()
    player.reconcile()
    assert (tally.counts["rollbacks"], tally.differences) == (1, [])
    assert player.books.grants == [(0, 0), (1_000, 30_000), (1_000, 35_000)]
    assert [bucket.balance for bucket in player.books.buckets] == [1_000, 0, 1_000]


@pytest.mark.timeout(240)
def test_the_last_free_spin_is_not_rolled_back_because_it_may_have_ended_a_bonus(newcomer: Newcomer) -> None:
    tally = Tally()
    player = newcomer("spinner", ALWAYS, tally)
    player.register()
    player.deposit(1_000)
    player.books.packages[0].left = 1  # all others have been used
    player.one_call("book-of-dunes", 10, player.books.packages[0], win=0)
    assert (tally.counts["rollbacks"], tally.differences) == (0, [])
