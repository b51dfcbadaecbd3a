"""Limits shared by all players are exact on real processes, whoever asks at once and whatever dies (rules §6, rule 11).

Both stores; the callers repeat with the same key until they are answered, as platforms do.
"""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.catalog_folder import bonus_campaign, bundle, shipped, write
from tests.croupier_up import Api, CroupierUp, register, wait_until
from tests.integration.crowd import Answer, all_at_once, call, one_after_another
from tests.integration.load import Load
from tests.redis_server import RedisServer

pytestmark = pytest.mark.timeout(180)

PLAYERS, WINNERS = 500, 100
BONUS = 1_000
BUDGET = f'{{per_player: 1, budget_eur: "{WINNERS * BONUS // 100}"}}'
DEPLOYS = 20
Held = tuple[str, str]
"""A player and the id of a grant."""
NO_SUSPICION = "window_days: 30\nrules:\n  shared_device: {more_than: 999, verdict: review}\n"


def alternating(multiplier: int) -> str:
    """The campaign whose terms every deploy changes."""
    wager = f'{{multiplier: "{multiplier}", valid_days: 10}}'
    return bonus_campaign("alternating", "{event: manual}", eur=100, wager=wager, limits="{per_player: 1000}")


CAMPAIGNS = {
    "rush": bonus_campaign("rush", "{event: code, code: RUSH}", limits=BUDGET),
    "rush_killed": bonus_campaign("rush-killed", "{event: code, code: RUSHKILLED}", limits=BUDGET),
    "device": bonus_campaign("device", "{event: code, code: DEVICE}", limits="{per_player: 1, per_device: 1}"),
    "device_killed": bonus_campaign(
        "device-killed", "{event: code, code: DEVICEKILLED}", limits="{per_player: 1, per_device: 1}"
    ),
    "alternating": alternating(10),
}


class Casino:
    """The running server and the catalog folder it started from."""

    def __init__(self, server: CroupierUp, catalog: Path) -> None:
        self.server, self.catalog, self.api = server, catalog, server.api

    def replaced(self, shard_id: str, epoch: int) -> bool:
        """Whether the shard serves under a later epoch."""
        shard = self.api.shards().get(shard_id)
        return shard is not None and shard["serving"] and shard["epoch"] > epoch

    def grants(self, player_id: str) -> list[dict[str, Any]]:
        """The player's grants, newest first."""
        found: list[dict[str, Any]] = self.api.platform("GET", f"/players/{player_id}/bonuses").json()["grants"]
        return found

    def campaign(self, campaign_id: str) -> dict[str, Any]:
        """As the catalog in force shows it."""
        found: dict[str, Any] = self.api.platform("GET", f"/campaigns/{campaign_id}").json()
        return found


class Kill:
    """SIGKILL to the process that serves as a shard, at the moment when so many answers are there."""

    def __init__(self, casino: Casino, shard_id: str, at: int) -> None:
        self._casino, self._shard_id, self._at = casino, shard_id, at
        self._shard = casino.api.shards()[shard_id]

    def __call__(self, count: int) -> None:
        if count == self._at:
            os.kill(self._shard["pid"], signal.SIGKILL)

    def survived(self) -> None:
        """Waits until the shard has a successor."""
        epoch = self._shard["epoch"]
        wait_until(f"{self._shard_id} is back", lambda: self._casino.replaced(self._shard_id, epoch))


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def casino(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Casino]:
    folder = tmp_path_factory.mktemp("casino")
    catalog = shipped(folder / "catalog", **CAMPAIGNS)
    write(catalog, "fraud.yaml", NO_SUSPICION)
    with ExitStack() as running:
        store = f"sqlite:{folder / 'store'}"
        if request.param == "redis":
            redis = RedisServer(folder / "redis").start()
            running.callback(redis.stop)
            store = f"{redis.url}/0"
        server = CroupierUp(folder / "up", store, "--shards", "2", "--spares", "1", "--catalog", str(catalog))
        yield Casino(server, catalog)
        assert server.stop() == 0


@pytest.fixture(scope="module")
def crowd(casino: Casino) -> list[str]:
    """Five hundred registered players."""
    players = [f"c{number}" for number in range(PLAYERS)]
    arrivals = [call(f"/players/{who}", {"currency": "EUR"}, f"register-{who}", "PUT") for who in players]
    assert {status for status, _ in one_after_another(casino.server, arrivals)} == {201}
    return players


def enter(players: list[str], code: str) -> list[Any]:
    """Everybody's request to enter the code."""
    return [call(f"/players/{who}/codes", {"code": code}, f"{code}-{who}") for who in players]


def asked_at_once(casino: Casino, players: list[str], code: str, kill: Kill | None) -> list[Answer]:
    """All their answers, most of which came after the kill."""
    if kill is None:
        return all_at_once(casino.server, enter(players, code))
    answers = all_at_once(casino.server, enter(players, code), kill)
    kill.survived()
    return answers


def outcomes(answers: list[Answer]) -> Counter[tuple[str, ...]]:
    """How many were granted (`()`), and how many declined for which reasons."""
    assert {status for status, _ in answers} <= {200, 201}
    awards = [[*answer["granted"], *answer["declined"]] for _, answer in answers]
    assert {len(each) for each in awards} == {1}
    return Counter(tuple(award["reasons"]) for (award,) in awards)


def check_books(casino: Casino, players: list[str], campaign_id: str, granted: int) -> None:
    """What the players hold is what was answered: `granted` of them one grant, the others a declined one."""
    held = [grant for who in players for grant in casino.grants(who) if grant["campaign_id"] == campaign_id]
    states = Counter((grant["state"] != "declined", grant["balance"]) for grant in held)
    assert states == Counter({(True, BONUS): granted, (False, 0): len(players) - granted})


@pytest.mark.parametrize("killed", [False, True], ids=["in peace", "a shard is killed"])
def test_500_players_at_once_and_a_budget_for_100(casino: Casino, crowd: list[str], killed: bool) -> None:
    campaign_id, code = ("rush-killed", "RUSHKILLED") if killed else ("rush", "RUSH")
    answers = asked_at_once(casino, crowd, code, Kill(casino, "s1", at=40) if killed else None)
    assert outcomes(answers) == {(): WINNERS, ("budget_exhausted",): PLAYERS - WINNERS}
    check_books(casino, crowd, campaign_id, WINNERS)
    assert casino.campaign(campaign_id)["budget_left_eur"] == "0.00"


@pytest.mark.parametrize("killed", [False, True], ids=["in peace", "a shard is killed"])
def test_20_players_on_one_device_and_one_bonus_for_each_device(casino: Casino, crowd: list[str], killed: bool) -> None:
    campaign_id, code = ("device-killed", "DEVICEKILLED") if killed else ("device", "DEVICE")
    family = crowd[20:40] if killed else crowd[:20]
    sessions = [call(f"/players/{who}/sessions", {"device": f"tablet-{code}"}, f"open-{who}") for who in family]
    assert {status for status, _ in one_after_another(casino.server, sessions)} == {201}
    answers = asked_at_once(casino, family, code, Kill(casino, "s0", at=1) if killed else None)
    assert outcomes(answers) == {(): 1, ("per_device",): 19}
    check_books(casino, family, campaign_id, 1)


def test_the_same_key_again_is_the_first_answer_and_takes_no_second_share(casino: Casino, crowd: list[str]) -> None:
    """After everything above: whoever was granted stays so, whoever was declined too."""
    again = one_after_another(casino.server, enter(crowd[:60], "RUSH"))
    assert {(status, answer["replayed"]) for status, answer in again} == {(200, True)}
    assert casino.campaign("rush")["budget_left_eur"] == "0.00"


def test_20_deploys_under_a_spin_load(casino: Casino) -> None:
    """No spin fails or is even asked to come again, and every grant has the terms in force when it was granted.

    One bonus is granted after each deploy, another while it is under way: that one has the terms before or after it.
    """
    register(casino.api, "after", 100)
    register(casino.api, "during", 100)
    promised: dict[Held, set[str]] = {}
    other = Api(casino.server.url)
    with Load(casino.server, "deploys", count=12) as load, ThreadPoolExecutor(1) as meanwhile, closing(other):
        for multiplier in range(11, 11 + DEPLOYS):
            racing = meanwhile.submit(grant, other, "during")
            deploy(casino, multiplier)
            promised[racing.result()] = {str(multiplier - 1), str(multiplier)}
            promised[grant(casino.api, "after")] = {str(multiplier)}
            load.more_spins(20)
    assert load.retries == 0
    load.reconcile()
    terms = {
        (who, held["grant_id"]): held["terms"]["multiplier"]
        for who in ("after", "during")
        for held in casino.grants(who)
    }
    assert terms.keys() == promised.keys()
    assert len(terms) == 2 * DEPLOYS
    assert [held for held, multiplier in terms.items() if multiplier not in promised[held]] == []


def deploy(casino: Casino, multiplier: int) -> None:
    """The catalog with another multiplier, as marketing deploys it."""
    body = bundle(casino.catalog, alternating=alternating(multiplier))
    answer = casino.api.person("marketing_manager", "POST", "/catalog/deploy", body)
    assert answer.status_code == 200, answer.text
    assert [change["path"] for change in answer.json()["diff"]["changed"]] == ["campaigns.alternating.wager.multiplier"]


def grant(api: Api, player_id: str) -> Held:
    """Grants the campaign by hand; the player and the grant's id."""
    body = {"campaign_id": "alternating", "reason": "a test of deploys"}
    key = f"{player_id}-{api.new_key()}"
    answer = api.person("marketing_manager", "POST", f"/players/{player_id}/bonuses", body, key=key)
    assert answer.status_code == 201, answer.text
    return player_id, answer.json()["granted"]["grant_id"]
