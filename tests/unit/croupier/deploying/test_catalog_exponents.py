"""Rules §2.7: a currency's exponent never changes while players hold it; check, deploy and start say so."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from actors.outcome import ask
from actors.stored_catalogs import encode_content
from actors.wire.frames import DeployCatalog, Failed
from croupier.catalog import check_bundle, check_folder
from croupier.deploying.control import CatalogControl, content_of
from croupier.running.up import CannotStart, check_store
from croupier.settings import Settings
from engine.commands import Deposit, Register
from engine.currencies import COUNTED_PLAYERS, holders
from engine.tally import PLAYERS
from gateway.ports import Checked, Deployed
from snapshots.contract import CatalogRow, LogHead, Owner
from snapshots.errors import StillHeld
from snapshots.opening import open_store
from tests.unit.actors.conftest import _shards_run_elsewhere as _shards_run_elsewhere
from tests.unit.actors.supervision.test_supervisor import House, house
from tests.unit.croupier.deploying.test_control_deploys import as_bytes, deploy, gateway
from tests.unit.croupier.deploying.test_control_deploys import cluster as cluster

GAMES = "games:\n  book: {type: slot, provider: demo, min_bet: 10, max_bet: 10000}\n"


def files(**exponents: Any) -> dict[str, str]:
    """A catalog of one game and these currencies; the first one stands in line 2 of platform.yaml."""
    lines = [f'  {code}: {{exponent: {digits}, eur_rate: "1"}}\n' for code, digits in exponents.items()]
    return {"platform.yaml": "currencies:\n" + "".join(lines), "games.yaml": GAMES}


async def put(control: CatalogControl, **exponents: int) -> Deployed | Checked:
    """Deploys a catalog of these currencies."""
    outcome = await control.deploy(as_bytes(files(**exponents)), "ops")
    assert isinstance(outcome, Deployed | Checked)
    return outcome


async def check(control: CatalogControl, **exponents: Any) -> list[tuple[str, int, str]]:
    return [tuple(found) for found in (await control.check(as_bytes(files(**exponents)))).problems]


async def player(cluster: House, name: str, currency: str) -> None:
    await ask(cluster.client, name, f"{name}-r", Register(currency))


async def test_five_thousand_yen_never_become_fifty(cluster: House) -> None:
    control = await gateway(cluster)
    assert isinstance(await put(control, EUR=2, JPY=0), Deployed)
    for name in ("aya", "ren"):
        await player(cluster, name, "JPY")
    await ask(cluster.client, "aya", "d", Deposit(5_000))
    [problem] = await check(control, EUR=2, JPY=2)
    assert problem[:2] == ("platform.yaml", 3)
    assert problem[2] == (
        "JPY has exponent 2 here, but 2 players hold it with exponent 0, and their money would change its worth; "
        "write exponent: 0"
    )
    refused = await deploy(control, files(EUR=2, JPY=2), "k", "ops", "loyalty_admin", "marketing_manager")
    assert (refused.status_code, refused.json()["code"]) == (409, "catalog_invalid")
    assert [error["line"] for error in refused.json()["errors"]] == [3]
    assert control.catalog().currencies["JPY"].exponent == 0


async def test_nor_if_the_currency_was_taken_out_in_between(cluster: House) -> None:
    control = await gateway(cluster)
    await put(control, JPY=0, EUR=2)
    await player(cluster, "aya", "JPY")
    assert isinstance(await put(control, EUR=2), Deployed)
    for wrong in (1, 2, 3, 4):
        assert [problem[:2] for problem in await check(control, JPY=wrong, EUR=2)] == [("platform.yaml", 2)]
        assert isinstance(await put(control, JPY=wrong, EUR=2), Checked)
    assert await check(control, JPY=0, EUR=2) == []
    assert isinstance(await put(control, JPY=0, EUR=2), Deployed)


async def test_what_nobody_holds_may_change(cluster: House) -> None:
    """Somebody noticed in time that yen have no sen; whoever plays in EUR doesn't mind."""
    control = await gateway(cluster)
    await put(control, EUR=2, JPY=2)
    await player(cluster, "ann", "EUR")
    assert isinstance(await put(control, EUR=2, JPY=0), Deployed)
    await player(cluster, "aya", "JPY")
    assert len(await check(control, EUR=2, JPY=2)) == 1
    assert len(await check(control, EUR=3, JPY=2)) == 2


@pytest.mark.parametrize("digits", ['"two"', "5", "-1"])
async def test_an_exponent_that_can_not_be_read_is_one_problem(cluster: House, digits: str) -> None:
    control = await gateway(cluster)
    await put(control, EUR=2, JPY=0)
    await player(cluster, "aya", "JPY")
    [problem] = await check(control, EUR=2, JPY=digits)
    assert problem[1] == 3 and "players hold" not in problem[2]


async def test_who_registers_between_check_and_commit_is_not_overlooked(cluster: House) -> None:
    """The supervisor is told to deploy what nobody has checked since."""
    control = await gateway(cluster)
    await put(control, EUR=2, JPY=0)
    await player(cluster, "aya", "JPY")
    content = content_of(check_bundle(as_bytes(files(EUR=2, JPY=2))), as_bytes(files(EUR=2, JPY=2)))
    await cluster.store.put_catalog(content.catalog.version, encode_content(content))
    asked = DeployCatalog(content.catalog.version, "ops")
    answer = await cluster.client.control((await cluster.store.routing()).supervisor, asked, 10)
    assert isinstance(answer, Failed) and "while players hold it" in answer.reason
    await ask(cluster.client, "aya", "d", Deposit(5_000))
    assert control.catalog().currencies["JPY"].exponent == 0


# --- at start


async def stored(folder: Path, counted: Mapping[str, int], **exponents: int) -> str:
    """A store with a catalog of these currencies in force, and players as counted. Answers its URL."""
    url = f"sqlite:{folder / 'store'}"
    store = open_store(url)
    await store.open()
    bundle = as_bytes(files(**exponents))
    content = content_of(check_bundle(bundle), bundle)
    await store.put_catalog(content.catalog.version, encode_content(content))
    await store.commit_catalog(await store.take_term(), CatalogRow(1, content.catalog.version, 0, "ops"))
    inc = (await store.claim("s0", Owner("host", 1, 1), "n")).incarnation
    await store.append(inc, LogHead(), b"batch", 1, dict(counted))
    await store.close()
    return url


def folder_with(folder: Path, **exponents: int) -> Path:
    made = folder / "catalog"
    made.mkdir()
    for name, content in files(**exponents).items():
        (made / name).write_text(content)
    return made


HELD = {PLAYERS: 3, COUNTED_PLAYERS: 3, holders("EUR", 2): 2, holders("JPY", 0): 1}
EARLIER = {PLAYERS: 3, COUNTED_PLAYERS: 1, holders("EUR", 2): 1}
"""Two players were registered before anybody counted by currency."""


@pytest.mark.parametrize(
    ("counted", "was", "starts"),
    [
        (HELD, {"EUR": 2, "JPY": 0}, "JPY has exponent 2 here, but 1 player holds it with exponent 0"),
        (HELD, {"EUR": 2}, "JPY has exponent 2 here, but 1 player holds it"),
        (HELD, {"EUR": 2, "JPY": 2}, None),
        (EARLIER, {"EUR": 2, "JPY": 0}, "players whom an earlier version registered may hold it with exponent 0"),
        (EARLIER, {"EUR": 2, "JPY": 2}, None),
        ({PLAYERS: 1, COUNTED_PLAYERS: 1, holders("EUR", 2): 1}, {"EUR": 2, "JPY": 0}, None),
    ],
    ids=["held", "held and taken out", "unchanged", "by an earlier version", "unchanged since", "nobody"],
)
def test_a_start_with_another_exponent_is_refused(
    tmp_path: Path, counted: Mapping[str, int], was: Mapping[str, int], starts: str | None
) -> None:
    url = asyncio.run(stored(tmp_path, counted, **was))
    checked = check_folder(folder_with(tmp_path, EUR=2, JPY=2))
    if starts is None:
        check_store(Settings(catalog=tmp_path, store=url), checked, "a test")
        return
    with pytest.raises(CannotStart) as refused:
        check_store(Settings(catalog=tmp_path, store=url), checked, "a test")
    assert str(refused.value).startswith("the catalog does not fit this store: platform.yaml:3: ")
    assert starts in str(refused.value) and "write exponent: 0" in str(refused.value)


def test_a_first_start_takes_any_exponent(tmp_path: Path) -> None:
    checked = check_folder(folder_with(tmp_path, EUR=2, JPY=4))
    check_store(Settings(catalog=tmp_path, store=f"sqlite:{tmp_path / 'store'}"), checked, "a test")


async def test_a_supervisor_that_nobody_asked_refuses_too(tmp_path: Path) -> None:
    """Its catalog has yen without sen; the store, and a player in it, with two digits."""
    await stored(tmp_path, {PLAYERS: 1, COUNTED_PLAYERS: 1, holders("JPY", 2): 1}, EUR=2, JPY=2)
    async with house(tmp_path / "store") as made:
        with pytest.raises(StillHeld, match="players:JPY:2 must be 0"):
            await made.supervisor()
