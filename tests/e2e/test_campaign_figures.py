"""`GET /campaigns`: issued, redeemed, expired, active, after each step of a story; if it is long, shards are killed."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.e2e.sandbox import DAY_S, Sandbox
from tests.support.catalog_folder import bonus_campaign, bundle, shipped
from tests.support.croupier_up import CroupierUp, wait_until
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.timeout(240)

QUICK = bonus_campaign(
    "quick", "{event: manual}", eur=500, wager='{multiplier: "1", valid_days: 2}',
    limits='{per_player: 9, budget_eur: "100"}',
)  # fmt: skip
OFFER = bonus_campaign("offer", "{event: manual}", eur=500, more="opt_in: true\n")
FIGURES = ("issued", "redeemed", "expired", "active", "budget_left_eur")


@contextmanager
def shared(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The shared sandbox, while it has the two campaigns."""
    assert sandbox.deploy(bundle(sandbox.catalog, quick=QUICK, offer=OFFER)).status_code == 200
    yield sandbox
    assert sandbox.deploy(bundle(sandbox.catalog)).status_code == 200


@contextmanager
def shards_that_die(folder: Path) -> Iterator[Sandbox]:
    """Two shards and a spare on Redis."""
    catalog = shipped(folder / "catalog", quick=QUICK, offer=OFFER)
    with ExitStack() as running:
        redis = RedisServer(folder / "redis").start()
        running.callback(redis.stop)
        options = ("--shards", "2", "--spares", "1", "--sandbox", "--catalog", str(catalog))
        server = CroupierUp(folder / "up", f"{redis.url}/0", *options)
        yield Sandbox(server, catalog)
        assert server.stop() == 0


class House(NamedTuple):
    """A sandbox with the two campaigns, and whether its shards may be killed."""

    sandbox: Sandbox
    mortal: bool


@pytest.fixture(scope="module", params=[False, pytest.param(True, marks=pytest.mark.long)], ids=["shared", "killed"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    mortal: bool = request.param
    own = shards_that_die(tmp_path_factory.mktemp("figures")) if mortal else shared(request.getfixturevalue("sandbox"))
    with own as sandbox:
        yield House(sandbox, mortal)


def figures(sandbox: Sandbox, campaign_id: str) -> tuple[Any, ...]:
    """One campaign's, as asked for alone and among all."""
    one = sandbox.api.platform("GET", f"/campaigns/{campaign_id}").json()
    listed = sandbox.api.platform("GET", "/campaigns").json()["campaigns"]
    assert one in listed
    return tuple(one[name] for name in FIGURES)


def kill_shards(house: House) -> None:
    """SIGKILL to one shard after the other, where that is allowed; each has a successor when this returns."""
    sandbox = house.sandbox
    for shard_id, shard in sandbox.api.shards().items() if house.mortal else ():
        os.kill(shard["pid"], signal.SIGKILL)
        wait_until(f"{shard_id} is back", lambda: replaced(sandbox, shard_id, shard["epoch"]))  # noqa: B023 awaited here


def replaced(sandbox: Sandbox, shard_id: str, epoch: int) -> bool:
    shard = sandbox.api.shards().get(shard_id)
    return shard is not None and shard["serving"] and shard["epoch"] > epoch


def test_the_figures_of_a_campaign(house: House) -> None:
    sandbox = house.sandbox
    assert figures(sandbox, "quick") == (0, 0, 0, 0, "100.00")

    ann, ben, eve, max_ = players = [sandbox.player(500) for _ in range(4)]
    for each in players:
        sandbox.grant(each, "quick")
    assert figures(sandbox, "quick") == (4, 0, 0, 4, "80.00")

    sandbox.spin(ann, bet=500)  # wagered once: 5.00 of bonus money are hers
    sandbox.api.game("POST", f"/spin?player_id={ben}&game_id=book-of-dunes&mode=real&bet=500&win=0", key="undone")
    assert figures(sandbox, "quick") == (4, 2, 0, 2, "80.00")
    kill_shards(house)
    assert figures(sandbox, "quick") == (4, 2, 0, 2, "80.00")

    undone = sandbox.api.game("POST", "/spin/rollback", {"player_id": ben, "transaction_id": "undone"})
    assert undone.json()["status"] == "rolled_back"
    assert figures(sandbox, "quick") == (4, 1, 0, 3, "80.00")

    (grant,) = sandbox.grants(eve)
    assert sandbox.api.platform("POST", f"/players/{eve}/bonuses/{grant['grant_id']}/cancel", {}).status_code == 200
    assert figures(sandbox, "quick") == (4, 1, 0, 2, "80.00")

    sandbox.spin(max_, bet=100)  # a fifth of it, and not before his bonus has expired
    kill_shards(house)
    sandbox.advance(2 * DAY_S + 1)
    assert figures(sandbox, "quick") == (4, 1, 2, 0, "80.00")


def test_an_offer_counts_once_it_is_claimed(house: House) -> None:
    sandbox = house.sandbox
    taken, left = sandbox.player(), sandbox.player()
    offered = [sandbox.grant(each, "offer")["grant_id"] for each in (taken, left)]
    assert figures(sandbox, "offer") == (0, 0, 0, 0, None)
    assert sandbox.claim(taken, offered[0]).status_code == 200
    assert figures(sandbox, "offer") == (1, 0, 0, 1, None)


def test_an_award_with_bonus_and_free_spins_counts_once(house: House) -> None:
    sandbox = house.sandbox
    before = figures(sandbox, "welcome-100")
    player = sandbox.player(1_000)
    sandbox.free_spin(player, win=100)
    issued, redeemed, expired, active, _ = figures(sandbox, "welcome-100")
    assert (issued, redeemed, expired, active) == (before[0] + 1, before[1], before[2], before[3] + 1)


def test_figures_outlive_the_catalog_they_were_counted_under(house: House) -> None:
    sandbox = house.sandbox
    before = figures(sandbox, "quick")
    assert sandbox.deploy(bundle(sandbox.catalog, quick=QUICK.replace("500", "600"))).status_code == 200
    assert figures(sandbox, "quick") == before
