"""The smallest histories that move money: a registration at version 1, then deposits. For tests of durability."""

from collections.abc import Iterable

from engine.events import AnyEvent, DepositMade, PlayerRegistered
from engine.player import replay
from engine.state import Player
from engine.transition import Transition
from snapshots.codec import encode_batch, encode_entry

START_MS = 1_750_000_000_000


def step(player_id: str, version: int, amount: int = 100) -> Transition:
    """Version 1 registers the player in EUR; every later one deposits `amount` minor units."""
    event: AnyEvent = PlayerRegistered("EUR", "SE", "sv", ())
    if version > 1:
        event = DepositMade(f"d{version}", amount, version - 1)
    time_ms = START_MS + version
    return Transition(player_id, version, time_ms, f"game:{player_id}-{version}", b"8 bytes.", (event,), b"answer")


def player_at(player_id: str, version: int) -> Player:
    """The player after that many steps: real money is 100 × (version - 1)."""
    player = Player.new(player_id)
    for number in range(1, version + 1):
        replay(player, step(player_id, number))
    return player


def batch(*transitions: Transition) -> bytes:
    """One append's payload."""
    return encode_batch([(t.player_id, t.version, encode_entry(t)) for t in transitions])


def steps(player_id: str, versions: Iterable[int]) -> list[Transition]:
    """Several steps of one player."""
    return [step(player_id, version) for version in versions]
