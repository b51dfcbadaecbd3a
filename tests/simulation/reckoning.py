"""What must be true of bonuses in the end: nothing doubled, no limit passed, nothing held that nobody waits for,
nothing due left undone.
"""

import asyncio
from collections import Counter

from actors.stored_catalogs import CatalogContent, encode_content
from actors.supervision.deploying import DeployFailed
from actors.supervision.supervisor import SupervisorProcess
from actors.wire.frames import AdvanceClock, ClockSet, ControlAnswer, ControlBody, DeployCatalog
from engine.answers import GrantAnswer
from engine.commands import GrantCampaign, StartSession
from engine.due import next_due_ms
from engine.player import replay
from engine.state import Player
from snapshots.errors import StoreError
from tests.simulation.bonuses import BUDGETS, MICRO_EUR_PER_CENT, PER_DEVICE, ActiveAwards, catalog
from tests.simulation.customers import Customer, Ledger
from tests.simulation.world import ORPHAN_AFTER_MS, World

FILLS_MAX = 40
DAYS, SNAPSHOTS_S = 3, 2


async def live_on(world: World, supervisor: SupervisorProcess, customer: Customer, players: list[str]) -> None:
    """Days pass on the sandbox clock. When it answers, whatever the journal says to be due by then is done.

    First all bonuses expire. Then everybody comes once more, and leaves the memory while silence makes nothing due; the
    rules by which it does so come into force later.
    """
    await _days_pass(world, supervisor, players)
    for version in (1, 0):
        store = world.store()
        await store.open()
        await store.put_catalog(f"v{version}", encode_content(CatalogContent(catalog(version))))
        await store.close()
        await _insist(supervisor, DeployCatalog(f"v{version}", "the simulation"))
        for player_id in players if version == 1 else ():
            await customer.ask_for(player_id, "once more", StartSession())
        await asyncio.sleep(SNAPSHOTS_S)
        for process in world.serving():
            process.kill()
    await _days_pass(world, supervisor, players)


async def _days_pass(world: World, supervisor: SupervisorProcess, players: list[str]) -> None:
    moved = await _insist(supervisor, AdvanceClock(DAYS * 86_400_000))
    assert isinstance(moved, ClockSet), moved
    in_force = catalog(int(world.disk.journal.in_force.removeprefix("v")))
    for player_id in players:
        player = Player.new(player_id)
        for entry in world.disk.journal.of(player_id):
            replay(player, entry.done)
        due_ms = next_due_ms(player.state, in_force)
        assert due_ms is None or due_ms > moved.now_ms, f"{player_id} has had work due since {due_ms}"


async def _insist(supervisor: SupervisorProcess, asked: ControlBody) -> ControlAnswer:
    """Again while shards are still being replaced; perhaps it is done more than once."""
    while True:
        try:
            return await supervisor._control(asked)
        except (DeployFailed, StoreError):
            await asyncio.sleep(0.1)


async def fill_up(world: World, customer: Customer, players: list[str]) -> None:
    """Orphans are settled first; then everybody asks for what is left on their device until it is refused."""
    await asyncio.sleep(4 * ORPHAN_AFTER_MS / 1_000)
    for player_id in players:
        for number in range(FILLS_MAX):
            outcome = await customer.ask_for(player_id, f"fill:{number}", GrantCampaign("one-device", "the rest"))
            if not isinstance(outcome, GrantAnswer) or outcome.granted.state == "declined":
                break


def check_awards(world: World, ledger: Ledger, players: list[str]) -> None:
    """The journal and what customers were told agree. Nothing was written or applied twice."""
    twice = [done for done in world.disk.journal.written_twice if done.player_id not in world.excused]
    assert twice == [], f"written twice: {twice}"
    for player_id in players:
        active_awards = ActiveAwards(world.disk.journal, player_id)
        assert max(active_awards.commands.values()) == 1, f"a command of {player_id} was applied twice"
        check_told(ledger, player_id, active_awards)


def check_told(ledger: Ledger, player_id: str, active_awards: ActiveAwards) -> None:
    """Whatever a customer was told is in the journal, once; declined grants and due work nobody was told of."""
    told = ledger.awards(player_id)
    assert len({award.grant_id for _, award in told}) == len(told), told
    for command_id, award in told:
        assert active_awards.commands[command_id] == 1, command_id
        assert active_awards.grants[award.grant_id or ""].amount == award.amount, award
    journal = {name for name in active_awards.commands if not name.startswith("due:")}
    accepted = {asked.command_id for asked in ledger.settled() if asked.player_id == player_id}
    assert accepted == journal, f"{player_id}: only told {accepted - journal}, only written {journal - accepted}"


async def check_limits(world: World, players: list[str]) -> None:
    """After `fill_up`: each limit is used up and never passed; each budget is what was granted or is held; held is what
    a live offer waits for.
    """
    standings = [ActiveAwards(world.disk.journal, player_id) for player_id in players]
    on_device = sum((active_awards.on_device for active_awards in standings), Counter[str]())
    assert set(on_device.values()) <= {PER_DEVICE}, on_device
    store = world.store()
    usage = await store.usage(list(BUDGETS))
    held = {row.reservation_id for row in await store.held_reservations(2**62, 10_000)}
    waited_for = {reservation for active_awards in standings for reservation in active_awards.held}
    assert held == waited_for, f"held {held}, waited for {waited_for}"
    for campaign_id, budget in BUDGETS.items():
        assert usage[campaign_id] == sum(active_awards.used(campaign_id) for active_awards in standings), campaign_id
        assert usage[campaign_id] <= budget * MICRO_EUR_PER_CENT, campaign_id
