"""What the store counted with the journal is what the journal says when it is read again from its beginning."""

from collections import Counter

from engine.player import replay
from engine.state import Player
from engine.tally import ACTIVE, ISSUED, PLAYERS, active_awards, tally, tally_name
from tests.simulation.world import World


async def check_tallies(world: World, players: list[str]) -> None:
    """Every counter is exact, whatever processes and appends were lost; `active` is what the players hold."""
    counted, held = Counter[str](), Counter[str]()
    for player_id in players:
        player = Player.new(player_id)
        for entry in world.disk.journal.of(player_id):
            before = active_awards(player.state)
            replay(player, entry.done)
            counted.update(tally(before, active_awards(player.state), player.state, entry.done.events))
        held.update(tally_name(ACTIVE, campaign_id) for campaign_id in active_awards(player.state).active.values())
    store = world.store()
    await store.open()
    told = await store.tallies(sorted(counted))
    await store.close()
    assert told == counted, f"the store counted {told}, the journal says {counted}"
    assert counted[PLAYERS] == len(players)
    for name in (name for name in counted if name.startswith(ISSUED)):
        active = tally_name(ACTIVE, name.partition(":")[2])
        assert counted[active] == held[active] <= counted[name], name
