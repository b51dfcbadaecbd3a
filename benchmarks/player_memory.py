"""Memory of a resident player: idle, and with 128 remembered commands. `python -m benchmarks.player_memory`.

An idle player is loaded from its snapshot, registered, with a deposit and no remembered answers to speak of; a busy
one has just made 128 one-call spins of which some are wagered for. Bar: at most 3 KB and 40 KB.
"""

import argparse
import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from croupier.catalog import load_catalog
from engine.catalog import Catalog
from engine.commands import Command, CommandBody, Deposit, GrantCampaign, Register, Spin
from engine.facts import Facts, Needs, Reservation
from engine.player import Outcome, execute, execute_or_ask
from engine.state import Player
from engine.state.window import REMEMBERED_MAX
from engine.transition import Transition
from snapshots.codec import decode_snapshot, encode_snapshot

CATALOG: Final = Path(__file__).parents[1] / "catalog"
NOW_MS: Final = 1_780_000_000_000
BARS_KB: Final = {"idle": 3, "busy": 40}
Make = Callable[[Catalog, int], Player]


def _played(catalog: Catalog, player_id: str, bodies: list[CommandBody]) -> Player:
    player = Player.new(player_id)
    for number, body in enumerate(bodies):
        command = Command(f"game-server:{player_id}-{number:08x}", NOW_MS + number, body)
        done = _execute(player, catalog, command)
        if not isinstance(done, Transition):
            raise TypeError(f"{body} was not accepted: {done}")
    return player


def _execute(player: Player, catalog: Catalog, command: Command) -> Outcome:
    """What becomes of it where the shared limits have room for what it awards."""
    outcome = execute_or_ask(player, catalog, command)
    if not isinstance(outcome, Needs):
        return outcome
    held = tuple(Reservation(award.campaign_id, award.reservation_id) for award in outcome.awards)
    return execute(player, catalog, replace(command, facts=Facts(reservations=held)))


def idle(catalog: Catalog, number: int) -> Player:
    """Registered, with money, nothing played."""
    bodies: list[CommandBody] = [Register("EUR", "FI", "fi", ("newcomers",)), Deposit(900)]
    return decode_snapshot(encode_snapshot(_played(catalog, f"player-{number}", bodies)))


def busy(catalog: Catalog, number: int) -> Player:
    """128 remembered one-call spins with a grant in wager."""
    spin = Spin("book-of-dunes", "real", 100, 95, "3f0c9d3c-5a9e-4f35-9a40-0d0c8b7d6a11")
    bodies: list[CommandBody] = [Register("EUR", "FI", "fi", ("newcomers",)), Deposit(90_000)]
    bodies.append(GrantCampaign("goodwill-5", "benchmark"))
    return _played(catalog, f"player-{number}", bodies + [spin] * REMEMBERED_MAX)


def kb_per_player(catalog: Catalog, make: Make, count: int) -> float:
    """KB (1 024 bytes) of Python memory per player kept, over `count` players."""
    make(catalog, 0)
    gc.collect()
    tracemalloc.start()
    players = [make(catalog, number) for number in range(count)]
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / len(players) / 1_024


def main() -> None:
    """Prints both figures with their bars; exit code 1 if one is above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--players", type=int, default=10_000)
    players: int = parser.parse_args().players
    catalog = load_catalog(CATALOG)
    cases: tuple[tuple[str, Make, int], ...] = (("idle", idle, players), ("busy", busy, max(1, players // 20)))
    over = False
    for name, make, count in cases:
        kb = kb_per_player(catalog, make, count)
        over = over or kb > BARS_KB[name]
        print(f"{name}: {kb:.2f} KB per player over {count} players (bar: {BARS_KB[name]} KB)")
    raise SystemExit(over)


if __name__ == "__main__":
    main()
