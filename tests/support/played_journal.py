"""A journal of one shard without a store: seeded spins of some players, as a reader gets them."""

from collections.abc import Iterator, Sequence
from random import Random

import msgspec

from engine.answers import CLOSED, Balance, RoundAnswer, Wagering
from engine.events import AnyEvent, BetPlaced, WinCredited
from engine.transition import Transition
from feeds.reading import Followed
from snapshots.codec import decode_entry, encode_batch, encode_entry, read_batch
from snapshots.records import GENESIS, LogRecord, Position, next_hash

START_MS = 1_760_000_000_000
_encode = msgspec.msgpack.encode


def spin(player_id: str, version: int, *, win: int = 20, points_micro: int = 5_000) -> Transition:
    """A one-call spin with a stake of 10, its win, and points."""
    session = f"s-{version}"
    events: tuple[AnyEvent, ...] = (
        BetPlaced(
            session_id=session,
            game_id="book",
            mode="real",
            amount=10,
            real=10,
            bonus=0,
            grant_id=None,
            counted=0,
            opens=True,
            round_id=f"r-{version}",
            turnover_micro=100_000,
            points_micro=points_micro,
        ),
        WinCredited(session_id=session, reported=win, real=win, bonus=0, grant_id=None, wager_added=0, closes=True),
    )
    answer = RoundAnswer(
        session_id=session,
        round_id=f"r-{version}",
        game_id="book",
        mode="real",
        stage=CLOSED,
        bet_amount=10,
        win_amount=win,
        win_reported=win,
        remaining_spins=0,
        currency="EUR",
        funds_real=10,
        funds_bonus=0,
        balance=Balance(real=1_000, bonus=0, bonus_usable=0, withdrawable=1_000),
        wagering=Wagering(),
        time_ms=START_MS + version,
    )
    return transition(player_id, version, events, _encode(answer))


def transition(
    player_id: str, version: int, events: Sequence[AnyEvent], answer: bytes = b"", command_id: str = ""
) -> Transition:
    """An accepted command with these events."""
    return Transition(
        player_id=player_id,
        version=version,
        time_ms=START_MS + version,
        command_id=command_id or f"game-server:{version}",
        content=b"c" * 8,
        events=tuple(events),
        answer=answer,
    )


def records(batches: Sequence[Sequence[Transition]], shard_id: str = "shard-1") -> list[Followed]:
    """One record for each batch, chained as in the journal."""
    made: list[Followed] = []
    previous = GENESIS
    for seq, batch in enumerate(batches, start=1):
        payload = encode_batch([(t.player_id, t.version, encode_entry(t)) for t in batch])
        record = LogRecord(seq=seq, previous=previous, hash=next_hash(previous, payload), payload=payload)
        previous = record.hash
        entries = read_batch(payload).entries
        made.append(Followed(shard_id, f"{shard_id}-1", Position(1, seq), record, entries))
    return made


def played(seed: int, players: int, spins: int, batch_max: int = 5) -> list[Followed]:
    """`spins` spins of players picked at random, in batches of random size."""
    random = Random(seed)
    versions = dict.fromkeys((f"player-{number}" for number in range(players)), 0)
    batches: list[list[Transition]] = []
    while spins > 0:
        batch = []
        for player_id in random.sample(list(versions), min(players, random.randint(1, batch_max), spins)):
            versions[player_id] += 1
            batch.append(spin(player_id, versions[player_id], win=random.randint(0, 50)))
        batches.append(batch)
        spins -= len(batch)
    return records(batches)


def transitions(followed: Sequence[Followed]) -> Iterator[Transition]:
    """All that is in the records, in order."""
    return (decode_entry(keyed) for record in followed for keyed in record.entries)
