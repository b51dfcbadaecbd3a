"""A campaign for the silent reaches players who left the server's memory before it was written (rules §6, §10)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.sandbox import DAY_S, Sandbox
from tests.support.catalog_folder import bonus_campaign, bundle, shipped
from tests.support.croupier_up import CroupierUp

pytestmark = [pytest.mark.timeout(240), pytest.mark.long]

PLAYERS = 40
BACK = bonus_campaign("come-back", "{event: inactive, days: 5}", eur=300)


@contextmanager
def life(folder: Path, name: str, store: str) -> Iterator[Sandbox]:
    """One life of the server on the store and the folder's catalog."""
    options = ("--shards", "2", "--spares", "0", "--sandbox", "--catalog", str(folder / "catalog"))
    server = CroupierUp(folder / name, store, *options)
    try:
        yield Sandbox(server, folder / "catalog")
        assert server.stop() == 0
    except BaseException:
        server.kill_everything()
        raise
    assert "Traceback" not in server.stderr()


def granted(sandbox: Sandbox) -> float:
    """Bonuses granted in this life."""
    return sandbox.metrics("croupier-shard")["bonuses_granted_total"]


def test_a_silence_is_noticed_by_a_campaign_deployed_after_a_restart(tmp_path: Path) -> None:
    """Five days of silence are worth 3.00 EUR; whoever plays in between isn't silent. Nobody asks for the others."""
    shipped(tmp_path / "catalog")
    store = f"sqlite:{tmp_path / 'store'}"
    with life(tmp_path, "first", store) as sandbox:
        players = [sandbox.player(deposit=1_000) for _ in range(PLAYERS)]
    with life(tmp_path, "second", store) as sandbox:
        assert sandbox.deploy(bundle(sandbox.catalog, come_back=BACK)).status_code == 200
        sandbox.advance(4 * DAY_S)
        assert granted(sandbox) == 0
        assert sandbox.spin(players[0], bet=10).status_code == 200
        sandbox.advance(2 * DAY_S)
        assert granted(sandbox) == PLAYERS - 1
        assert sandbox.metrics("croupier-shard")["shard_due_slots_to_sweep"] == 0
        given = [[grant["campaign_id"] for grant in sandbox.grants(player_id)] for player_id in players]
        assert [("come-back" in campaigns) for campaigns in given] == [False] + [True] * (PLAYERS - 1)
