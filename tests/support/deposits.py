"""The smallest histories that move money: a registration at version 1, then deposits. For tests of durability."""

from collections.abc import Iterable

from engine.events import AnyEvent, DepositMade, PlayerRegistered
from engine.player import replay
from engine.state import Player
from engine.transition import Transition
from snapshots.codec import encode_batch, encode_entry
from snapshots.contract import SnapshotRecord

START_MS = 1_750_000_000_000

FORMAT_1 = SnapshotRecord(
    "alice",
    3,
    bytes.fromhex(
        "01d6cb6080cdf13d8adc001da5616c69636503cf000001977420dc03a3455552a25345a2737690c0ccc802909090808000800080dc0015a0"
        "cf000001977420dc01c20000900000000000cf000001977420dc0100009000000080800094c0c0c0c0c000809080cf000001977420dc0390"
        "80"
    ),
    bytes.fromhex(
        "013af9c39afd9ec60c949392cf62a1a842f922afd3c412382062797465732e00076adf616e7377657292cf5fd3c1fa43134126c412382062"
        "797465732e00076adf616e7377657292cf3499cf8125fed309c412382062797465732e00076adf616e73776572c400c40c929025a60bc49c"
        "f200076adf00"
    ),
)
"""Written by the last version before format 2: alice after three steps, with a tombstone."""


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
