"""One history from its plan to the last word: play, trouble, calm weather, and everything that must be true then."""

import asyncio
import gc
import logging

import pytest

from engine.player import replay
from engine.state import Player
from tests.simulation.counting import check_tallies
from tests.simulation.customers import Customer, Ledger
from tests.simulation.gateways import ClientGateway, RawGateway
from tests.simulation.losing import LosingSqlite
from tests.simulation.plan import CUSTOMERS, Plan
from tests.simulation.readers import SimReaders
from tests.simulation.reckoning import check_awards, check_limits, fill_up, live_on
from tests.simulation.stores import AGAIN_S
from tests.simulation.trouble import Trouble
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.simulation.world import World
from tests.support.shard_harness import players_in

PLAYERS, LOOKERS = 6, 4
LOOK_S = 0.25
"""How often readers look for new logs; where they are alone with a journal, they do so more often."""
VIRTUAL_S_MAX = 400
"""A history that is not over by then never will be."""


def run(plan: Plan) -> dict[str, object]:
    """Answers what happened in it. Raises AssertionError, or whatever else, if a promise was broken."""
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        logging.disable(logging.CRITICAL)
        gc.disable()  # a history leaves less behind than looking for it takes
        try:
            return runner.run(_bounded(plan, patch))
        finally:
            gc.enable()
            logging.disable(logging.NOTSET)


async def _bounded(plan: Plan, patch: pytest.MonkeyPatch) -> dict[str, object]:
    try:
        async with asyncio.timeout(VIRTUAL_S_MAX):
            return await _history(plan, patch)
    except TimeoutError:
        raise AssertionError(f"the history is not over after {VIRTUAL_S_MAX} virtual seconds") from None


async def _history(plan: Plan, patch: pytest.MonkeyPatch) -> dict[str, object]:
    patch.setattr("feeds.following.stretch.LOOK_S", LOOK_S)
    world, ledger = World(plan.seed, patch), Ledger()
    world.weather.loses_tail = plan.loses_tail
    if plan.outlives_tail:
        world.disk.make = LosingSqlite
    players = players_in(range(256), PLAYERS)
    readers = SimReaders(world)
    await readers.until_known()
    trouble = Trouble(world, ledger, readers, players, plan)
    troubling = asyncio.ensure_future(trouble.run())
    client = ClientGateway(world)
    await client.open()
    customers = [_customer(world, ledger, client, plan, number, players) for number in range(CUSTOMERS)]
    await asyncio.gather(*(customer.play() for customer in customers))
    await _end(troubling)
    await _calm(world)
    supervisor = await world.supervise()
    players = [player_id for player_id in players if player_id not in world.excused]
    await reconcile(world, ledger, customers, players)
    if plan.lives_on:
        await live_on(world, supervisor, customers[0], players)
        await fill_up(world, customers[0], players)
        await reconcile(world, ledger, customers, players)
        await check_limits(world, players)
    await check_memories(world)
    check_awards(world, ledger, players)
    if not plan.outlives_tail:  # what a former shard counted is not counted again with what is given back for it
        await check_tallies(world, players)
    await readers.check(players)
    await readers.close()
    await client.close()
    world.abandon(supervisor)
    assert world.broken_tasks == [], world.broken_tasks
    assert world.broken == [], world.broken
    assert world.disk.broken == [], world.disk.broken
    world.close()
    return _summary(world, ledger, readers, trouble)


def _customer(
    world: World, ledger: Ledger, client: ClientGateway, plan: Plan, number: int, players: list[str]
) -> Customer:
    """Some customers ask through the production client, the others look the routes up often. Those who look go where
    they went before, as long as there is an answer: to a shard that has lost its place, perhaps.
    """
    looks = number >= CUSTOMERS - LOOKERS
    raw = RawGateway(world, plan.rng_of(f"gateway {number}"), forgets=0.02 if looks else 0.2)
    return Customer(world, ledger, raw if looks or number % 2 == 0 else client, plan, number, players, looks=looks)


async def _end(troubling: "asyncio.Task[None]") -> None:
    troubling.cancel()
    await asyncio.wait([troubling])
    if not troubling.cancelled():
        troubling.result()


async def _calm(world: World) -> None:
    """Nothing goes wrong any more, and what is still on its way has come. Who is frozen may wake later."""
    world.weather.calm()
    for process in world.processes:
        process.host.clock_off_ms = 0
    stalled_until = max((process.sim_store.stalled for process in world.processes), default=0.0)
    await asyncio.sleep(max(0.0, stalled_until - world.loop.time()) + AGAIN_S)


def _summary(world: World, ledger: Ledger, readers: SimReaders, trouble: Trouble) -> dict[str, object]:
    return {
        "repeats": {name: topic.repeats for name, topic in readers.topics.items()},
        "seconds": round(world.loop.time(), 3),
        "processes": len(world.processes),
        "trouble": trouble.counts,
        "accepted": len(ledger.settled()),
        "asked": len(ledger.asked),
        "lost": len(world.at_risk.lost) if world.at_risk is not None else 0,
        "excused": len(world.excused),
    }


async def reconcile(world: World, ledger: Ledger, customers: list[Customer], players: list[str]) -> None:
    """Everything has an outcome, repeats say what was said first, and every balance is the ledger's."""
    for customer in customers:
        await customer.settle()
    for player_id in players:
        view = (await customers[0].look(player_id)).answer
        account = world.disk.journal.account(player_id)
        told = ledger.real(player_id)
        assert view.balance.real == told, f"{player_id} has {view.balance.real}, customers were told of {told}"
        assert view.balance.bonus == account.granted - account.removed, player_id
        check_dense(world, player_id, view.version)
    check_time(ledger)


def check_dense(world: World, player_id: str, version: int) -> None:
    """The journal has every version up to the one that is shown, and no other."""
    versions = [entry.done.version for entry in world.disk.journal.of(player_id)]
    assert versions == list(range(1, version + 1)), f"{player_id} is at {version}, the journal has {versions}"


async def check_memories(world: World) -> None:
    """What a shard has in memory is what the journal makes of the player; a former owner that has not noticed yet has
    what it was.
    """
    owned = {row.log_id for row in world.disk.routing().shards.values()}
    for process in world.serving():
        assert process.shard is not None and process.incarnation is not None
        if process.incarnation.log_id not in owned:
            continue
        context = process.shard.context
        await context.committer.until_idle()
        for player_id, resident in context.residents.by_id.items():
            if player_id in world.excused:
                continue
            player = Player.new(player_id)
            for entry in world.disk.journal.of(player_id):
                replay(player, entry.done)
            assert resident.player.state == player.state, f"{player_id} in memory is not what the journal tells"


def check_time(ledger: Ledger) -> None:
    """A player's rounds, in the order in which they were opened, never go back in time (rule 13)."""
    opened: dict[str, list[tuple[int, int]]] = {}
    for asked in ledger.settled():
        session, time_ms = getattr(asked.answer, "session_id", None), getattr(asked.answer, "time_ms", None)
        if session and time_ms and type(asked.body).__name__ == "Spin":
            opened.setdefault(asked.player_id, []).append((int(session.rpartition("-")[2]), time_ms))
    for rounds in opened.values():
        times = [time_ms for _, time_ms in sorted(rounds)]
        assert times == sorted(times), times
