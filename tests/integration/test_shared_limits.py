"""Limits shared by all players are exact on real processes, whoever asks at once and whatever dies (rules §6, rule 11).

Both stores; the callers repeat with the same key until they are answered, as platforms do.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from actors.routing.owner_of import slot_of
from snapshots.contract import Store
from tests.integration.casino import Casino, Kill, another_gateway, casino_on, store_of
from tests.integration.crowd import Answer, all_at_once, asked_until, call, one_after_another
from tests.integration.load import Load
from tests.support.catalog_folder import bonus_campaign, bundle, shipped, write
from tests.support.croupier_up import Api, CroupierUp, register, wait_until
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.timeout(240)

PLAYERS, WINNERS = 500, 100
BONUS = 1_000
BUDGET = f'{{per_player: 1, budget_eur: "{WINNERS * BONUS // 100}"}}'
ORPHANS_BUDGET = '{per_player: 1, budget_eur: "10000"}'
ATTEMPTS = 5
DEPLOYS = 20
_numbers = count(1)
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
    "orphaned": bonus_campaign("orphaned", "{event: code, code: ORPHANED}", limits=ORPHANS_BUDGET),
    "alternating": alternating(10),
}


@pytest.fixture(scope="module", params=[pytest.param("sqlite", marks=pytest.mark.long), "redis"])
def casino(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Casino]:
    folder = tmp_path_factory.mktemp("casino")
    catalog = shipped(folder / "catalog", **CAMPAIGNS)
    write(catalog, "fraud.yaml", NO_SUSPICION)
    with casino_on(request.param, folder, catalog) as running:
        yield running


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
    assert {status for status, _ in answers} <= {200, 201, 409}
    awards = [[*answer.get("granted", ()), *answer["declined"]] for _, answer in answers]
    assert {len(each) for each in awards} == {1}
    assert {answer["code"] for status, answer in answers if status == 409} <= {"grant_declined"}
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
    assert {(status, answer["replayed"]) for status, answer in again} <= {(200, True), (409, True)}
    assert casino.campaign("rush")["budget_left_eur"] == "0.00"


async def unsettled(store: Store, players: Collection[str]) -> set[str]:
    """Those of the players who have a reservation whose fate nobody has told the store."""
    return {each.player_id for each in await store.held_reservations(2**53, 1_000)} & set(players)


async def players_of(casino: Casino, shard_id: str, names: Iterator[str]) -> list[str]:
    """A hundred players who live in the shard."""
    async with store_of(casino) as store:
        slots = (await store.routing()).slots
    return list(islice((name for name in names if slots[slot_of(name)] == shard_id), 100))


def killed_between_reserving_and_granting(casino: Casino, gateway: CroupierUp, crowd: list[str]) -> set[str]:
    """Everybody enters the code; the first reservation seen in the store is the end of the shard, and of the gateway
    that would ask its successor again.

    Those who were left with a reservation and no grant.
    """
    kill = Kill(casino, "s0", at=1)

    async def strike() -> None:
        async with store_of(casino) as store, asyncio.timeout(PATIENCE_S):
            while not await unsettled(store, crowd):
                await asyncio.sleep(0)
            kill(1)
            gateway.kill_everything()

    async def look() -> set[str]:
        async with store_of(casino) as store:
            return await unsettled(store, crowd)

    asked_until(gateway, enter(crowd, "ORPHANED"), strike)
    left = asyncio.run(look())
    kill.survived()
    return {who for who in left if not casino.grants(who)}


@pytest.mark.long  # tests/unit/actors/shard/test_rule_11_shared_limits.py kills between the two each time, in process
def test_what_a_dead_shard_had_reserved_and_not_granted_is_returned(casino: Casino, tmp_path: Path) -> None:
    """Nobody asks again after the kill: the owner finds the orphans, and says that there are no such grants."""
    names, asked, orphans = (f"o{number}" for number in count(1)), list[str](), set[str]()
    while not orphans:
        assert len(asked) < ATTEMPTS * 100, "no shard died between reserving and granting"
        crowd = asyncio.run(players_of(casino, "s0", names))
        arrivals = [call(f"/players/{who}", {"currency": "EUR"}, f"register-{who}", "PUT") for who in crowd]
        one_after_another(casino.server, arrivals)
        gateway = another_gateway(casino, tmp_path)
        orphans = killed_between_reserving_and_granting(casino, gateway, crowd)
        asked += crowd

    def granted() -> int:
        return sum(1 for who in asked if casino.grants(who))

    def budget_left() -> Decimal:
        return Decimal(casino.campaign("orphaned")["budget_left_eur"])

    wait_until("what no grant names is returned", lambda: budget_left() == 10_000 - granted() * BONUS // 100)
    late = orphans.pop()
    answer = casino.api.platform("POST", f"/players/{late}/codes", {"code": "ORPHANED"})
    assert [award["campaign_id"] for award in answer.json()["granted"]] == ["orphaned"]
    assert budget_left() == 10_000 - granted() * BONUS // 100


@pytest.fixture
def other_gateway(casino: Casino, tmp_path: Path) -> Iterator[CroupierUp]:
    """Stopped at the end, cleanly."""
    gateway = another_gateway(casino, tmp_path)
    yield gateway
    assert gateway.stop() == 0


@pytest.mark.long
@pytest.mark.parametrize("casino", ["redis"], indirect=True)
def test_20_deploys_under_a_spin_load_of_two_gateways(casino: Casino, other_gateway: CroupierUp) -> None:
    """No spin fails or is even asked to come again, each gateway soon answers with the catalog that the other deployed,
    and every grant has the terms in force when it was granted.

    One bonus is granted after each deploy, another while it is under way: that one has the terms before or after it.
    """
    register(casino.api, "after", 100)
    register(casino.api, "during", 100)
    promised: dict[Held, set[str]] = {}
    there, racer = other_gateway.api, Api(other_gateway.url)
    here = Load(casino.server, "deploys", count=8)
    elsewhere = Load(other_gateway, "deploys-elsewhere", count=8)
    with here, elsewhere, ThreadPoolExecutor(1) as meanwhile, closing(racer):
        for multiplier in range(11, 11 + DEPLOYS):
            by, other = (casino.api, there) if multiplier % 2 else (there, casino.api)
            racing = meanwhile.submit(grant, racer, "during")
            version = deploy(by, casino.catalog, multiplier)
            promised[racing.result()] = {str(multiplier - 1), str(multiplier)}
            promised[grant(other, "after")] = {str(multiplier)}
            assert in_force(by) == version
            wait_until("the other gateway follows", lambda: in_force(other) == version)  # noqa: B023 awaited here
            here.more_spins(20)
            elsewhere.more_spins(20)
    assert (here.retries, elsewhere.retries) == (0, 0)
    here.reconcile()
    elsewhere.reconcile()
    terms = {
        (who, held["grant_id"]): held["terms"]["multiplier"]
        for who in ("after", "during")
        for held in casino.grants(who)
    }
    assert terms.keys() == promised.keys()
    assert len(terms) == 2 * DEPLOYS
    assert [held for held, multiplier in terms.items() if multiplier not in promised[held]] == []


def in_force(api: Api) -> str:
    """The version of the catalog that this gateway answers with."""
    version: str = api.person("auditor", "GET", "/catalog").json()["version"]
    return version


def deploy(api: Api, catalog: Path, multiplier: int) -> str:
    """The catalog with another multiplier, as marketing deploys it; its version."""
    body = bundle(catalog, alternating=alternating(multiplier))
    answer = api.person("marketing_manager", "POST", "/catalog/deploy", body, key=f"deploy-{multiplier}")
    assert answer.status_code == 200, answer.text
    assert [change["path"] for change in answer.json()["diff"]["changed"]] == ["campaigns.alternating.wager.multiplier"]
    version: str = answer.json()["version"]
    return version


def grant(api: Api, player_id: str) -> Held:
    """Grants the campaign by hand; the player and the grant's id."""
    body = {"campaign_id": "alternating", "reason": "a test of deploys"}
    key = f"{player_id}-{next(_numbers)}"
    answer = api.person("marketing_manager", "POST", f"/players/{player_id}/bonuses", body, key=key)
    assert answer.status_code == 201, answer.text
    return player_id, answer.json()["granted"]["grant_id"]
