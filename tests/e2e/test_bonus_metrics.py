"""One evening in numbers: what the shards' metrics say of it, and what is done about it after everything died."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.sandbox import DAY_S, Sandbox
from tests.support.catalog_folder import bonus_campaign, bundle, shipped
from tests.support.croupier_up import CroupierUp, gone, wait_until

pytestmark = pytest.mark.timeout(120)

QUICK = bonus_campaign("quick", "{event: manual}", eur=500, wager='{multiplier: "1", valid_days: 2}')
TINY = bonus_campaign("tiny", "{event: code, code: TINY}", eur=500, limits='{per_player: 1, budget_eur: "5"}')
SHARD = "croupier-shard"
COUNTED = (
    "bonuses_granted_total", "bonuses_redeemed_total", "bonuses_expired_total", "bonuses_declined_total",
    "freespins_used", "average_wager_completion_rate",
)  # fmt: skip


class Place:
    """Where one Croupier lives, life after life."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.catalog = shipped(folder / "catalog", quick=QUICK, tiny=TINY)

    def up(self, name: str) -> Sandbox:
        """One shard, so that its averages are those of all players."""
        options = ("--shards", "1", "--spares", "0", "--sandbox", "--catalog", str(self.catalog))
        store = f"sqlite:{self._folder / 'store'}"
        return Sandbox(CroupierUp(self._folder / name, store, *options), self.catalog)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("evening"))


@pytest.fixture(scope="module")
def evening(place: Place) -> Iterator[Sandbox]:
    running = place.up("first")
    yield running
    if running.server.process.poll() is None:
        running.server.kill_everything()


def counted(sandbox: Sandbox) -> tuple[float, ...]:
    """The metrics of bonuses, in the order of `COUNTED`."""
    metrics = sandbox.metrics(SHARD)
    return tuple(metrics[name] for name in COUNTED)


def test_the_metrics_of_an_evening(evening: Sandbox) -> None:
    """Granted, redeemed, expired, declined, free spins used, mean share wagered: after each step."""
    assert counted(evening) == (0, 0, 0, 0, 0, 0)

    ann, ben = evening.player(1_000), evening.player(1_000)  # the welcome bonus and 20 free spins each
    assert counted(evening) == (2, 0, 0, 0, 0, 0)

    for win in (0, 100, 0):
        assert evening.free_spin(ann, win).status_code == 200
    assert counted(evening) == (2, 0, 0, 0, 3, 0)  # what free spins win is no bonus awarded

    evening.api.game("POST", f"/spin?player_id={ben}&game_id=book-of-dunes&mode=freespin&win=0", key="undone")
    undone = evening.api.game("POST", "/spin/rollback", {"player_id": ben, "transaction_id": "undone"})
    assert undone.json()["status"] == "rolled_back"
    assert counted(evening) == (2, 0, 0, 0, 3, 0)

    eve = evening.player(500)  # too little for the welcome bonus
    evening.grant(eve, "quick")
    evening.spin(eve, bet=500)  # 5.00 wagered once
    assert evening.view(eve)["balance"]["real"] == 500
    assert counted(evening) == (3, 1, 0, 0, 3, 1.0)

    max_ = evening.player(500)
    evening.grant(max_, "quick")
    evening.spin(max_, bet=250)
    evening.advance(2 * DAY_S + 1)  # expires with half of it wagered
    assert counted(evening) == (4, 1, 1, 0, 3, 0.75)

    for code_player, status in ((eve, 201), (max_, 409)):  # the second is beyond the budget of 5.00 EUR
        assert evening.api.platform("POST", f"/players/{code_player}/codes", {"code": "TINY"}).status_code == status
    assert counted(evening) == (5, 1, 1, 1, 3, 0.75)


@pytest.mark.long
def test_what_became_due_while_nothing_ran_is_done_once_it_runs_again(place: Place, evening: Sandbox) -> None:
    """SIGKILL to everything; the bonus ends meanwhile, and nobody asks for its player. Then a restart, and another."""
    clock = evening.api.person("ops", "POST", "/sandbox/clock", {"advance_seconds": 1}).json()
    end = datetime.fromisoformat(clock["now"]) + timedelta(seconds=5)
    soon = bonus_campaign(
        "soon", "{event: manual}", eur=400, wager='{multiplier: "9"}', valid_to=f"{end:%Y-%m-%dT%H:%M:%SZ}"
    )
    assert evening.deploy(bundle(evening.catalog, soon=soon)).status_code == 200
    sleeper = evening.player(600)
    evening.grant(sleeper, "soon")
    assert evening.view(sleeper)["balance"]["bonus"] == 400
    processes = evening.server.tree()
    evening.server.kill_everything()
    wait_until("everything is dead", lambda: gone(processes))

    for name, done in (("second", 1), ("third", 0)):
        risen = place.up(name)
        try:
            check_slept_through(risen, sleeper, done)
        finally:
            assert risen.server.stop() == 0


def check_slept_through(risen: Sandbox, player_id: str, done: int) -> None:
    """The bonus has ended: in this life if `done` is 1, in an earlier one if it is 0."""
    wait_until("due work is done", lambda: risen.metrics(SHARD)["bonuses_expired_total"] >= done)
    risen.advance(60)
    assert risen.metrics(SHARD)["bonuses_expired_total"] == done
    (grant,) = risen.grants(player_id)
    assert (grant["state"], grant["balance"]) == ("expired", 0)
    assert risen.view(player_id)["balance"]["real"] == 600
