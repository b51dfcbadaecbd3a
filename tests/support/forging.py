"""Archives for the verifier: an honest one, and others that somebody with more or less power has forged.

A journal is a list of segments, each a list of records, each a list of transitions. What is built of it is complete:
chains, tree and signatures fit. So a test changes the journal, and chooses what of the forgery it leaves out.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.commands import Deposit, Register, Spin, StartSession
from engine.transition import Transition
from tests.support.archiving import CARD, DEVICE, IP, PlayedLog
from tests.support.proving import SEED, ProvenArchive

Journal = list[list[list[Transition]]]
PLAYERS = ("alice", "bob", "carol")
OTHER_SEED = bytes(32)


def journal() -> Journal:
    """Three segments of three players."""
    played = PlayedLog()
    arrivals = [[*_arrival(played, player_id)] for player_id in PLAYERS]
    return [arrivals + _spins(played, 6), _spins(played, 9), _spins(played, 9)]


def _arrival(played: PlayedLog, player_id: str) -> Sequence[Transition]:
    bodies = (Register("EUR", "FI", "fi"), StartSession(IP, DEVICE, "FI"), Deposit(10_000, CARD, IP, DEVICE))
    return [played.play(player_id, body) for body in bodies]


def _spins(played: PlayedLog, count: int) -> list[list[Transition]]:
    return [
        [played.play(player_id, Spin("book", "real", 10, 10 * (number % 4))) for player_id in PLAYERS]
        for number in range(count)
    ]


def build(
    folder: Path,
    segments: Journal,
    seed: bytes = SEED,
    controls: Sequence[str] = ("POST /catalog/deploy", "POST /sandbox/clock"),
) -> ProvenArchive:
    """An archive of that journal: one checkpoint after each segment, the control log after the first."""
    archive, played = ProvenArchive(folder, seed), PlayedLog()

    async def write() -> None:
        for number, records in enumerate(segments):
            if number == 1:
                for operation in controls:
                    archive.control.add(operation)
            await archive.keep([played.batch(*record) for record in records])

    asyncio.run(write())
    return archive


def forged(honest: Path, folder: Path, change: Callable[[Journal], None], seed: bytes = SEED) -> None:
    """Everything is made anew of a changed journal, and signed with `seed`."""
    changed = journal()
    change(changed)
    build(folder, changed, seed)


def forged_unsigned(honest: Path, folder: Path, change: Callable[[Journal], None]) -> None:
    """As `forged`, but whoever forged had no key: the checkpoints are the honest ones."""
    forged(honest, folder, change, OTHER_SEED)
    for part in ("checkpoints", "keys"):
        shutil.rmtree(folder / part)
        shutil.copytree(honest / part, folder / part)
