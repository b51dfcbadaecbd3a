"""One evening in numbers: what the shards' metrics say of it, and what is done about it after everything died."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.sandbox import DAY_S, Sandbox
from tests.support.catalog_folder import bonus_campaign, bundle, shipped
from tests.support.croupier_up import CroupierUp, gone, wait_until

pytestmark = pytest.mark.timeout(240)

SHARD = "croupier-shard"
COUNTED = (
    "bonuses_granted_total", "bonuses_redeemed_total", "bonuses_expired_total", "bonuses_declined_total",
    "freespins_used", "average_wager_completion_rate",
)  # fmt: skip


class Counted:
    """The metrics of bonuses in the order of `COUNTED`, without what was counted before."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox, self._before = sandbox, (0.0,) * len(COUNTED)
        self._before = self()

    def __call__(self) -> tuple[float, ...]:
        metrics = self._sandbox.metrics(SHARD)
        return tuple(metrics[name] - before for name, before in zip(COUNTED, self._before, strict=True))


def test_the_metrics_of_an_evening(abroad: Sandbox) -> None:
    """Granted, redeemed, expired, declined, free spins used, mean share wagered: after each step."""
    counted = Counted(abroad)
    assert counted() == (0, 0, 0, 0, 0, 0)

    ann, ben = abroad.player(1_000), abroad.player(1_000)  # the welcome bonus and 20 free spins each
    assert counted() == (2, 0, 0, 0, 0, 0)

    for win in (0, 100, 0):
        assert abroad.free_spin(ann, win).status_code == 200
    assert counted() == (2, 0, 0, 0, 3, 0)  # what free spins win is no bonus awarded

    abroad.api.game("POST", f"/spin?player_id={ben}&game_id=book-of-dunes&mode=freespin&win=0", key="undone")
    undone = abroad.api.game("POST", "/spin/rollback", {"player_id": ben, "transaction_id": "undone"})
    assert undone.json()["status"] == "rolled_back"
    assert counted() == (2, 0, 0, 0, 3, 0)

    eve = abroad.player(500)  # too little for the welcome bonus
    abroad.grant(eve, "quick")
    abroad.spin(eve, bet=500)  # 5.00 wagered once
    assert abroad.view(eve)["balance"]["real"] == 500
    assert counted() == (3, 1, 0, 0, 3, 1.0)

    max_ = abroad.player(500)
    abroad.grant(max_, "quick")
    abroad.spin(max_, bet=250)
    abroad.advance(2 * DAY_S + 1)  # expires with half of it wagered
    assert counted() == (4, 1, 1, 0, 3, 0.75)

    for code_player, status in ((eve, 201), (max_, 409)):  # the second is beyond the budget of 5.00 EUR
        assert abroad.api.platform("POST", f"/players/{code_player}/codes", {"code": "TINY"}).status_code == status
    assert counted() == (5, 1, 1, 1, 3, 0.75)


class Place:
    """Where one Croupier lives, life after life."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.catalog = shipped(folder / "catalog")

    def up(self, name: str) -> Sandbox:
        """A server of its own on the same store."""
        options = ("--shards", "1", "--spares", "0", "--sandbox", "--catalog", str(self.catalog))
        store = f"sqlite:{self._folder / 'store'}"
        return Sandbox(CroupierUp(self._folder / name, store, *options), self.catalog)


@pytest.mark.long
def test_what_became_due_while_nothing_ran_is_done_once_it_runs_again(tmp_path: Path) -> None:
    """SIGKILL to everything; the bonus ends meanwhile, and nobody asks for its player. Then a restart, and another."""
    place = Place(tmp_path)
    evening = place.up("first")
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
