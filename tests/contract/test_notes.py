"""Notes in the store are what the double of the tests keeps in memory.

Webhooks, notices and bus-in know the store by nothing else. So what their tests show with the double holds on each
backend.
"""

from random import Random

from feeds.following.noting import StoreNotes
from snapshots.contract import Store
from tests.support.notes import MemoryNotes

KEYS = [
    "owed:",
    "owed:a",
    "owed:a:email",
    "owed:b",
    "owe",
    "timer:a",
    "timer:ä",
    "timer:z",
    "timer:~",
    "\U0001f600",
    "0",
]


async def test_the_store_keeps_notes_as_the_double_does(store: Store) -> None:
    rng, double = Random(7), MemoryNotes()
    notes = StoreNotes(store, await store.claim_reader("notices", "n"))
    for turn in range(60):
        changes = {key: rng.choice([None, b"", rng.randbytes(9)]) for key in rng.sample(KEYS, rng.randrange(5))}
        await notes.write(changes)
        await double.write(changes)
        prefix, after, limit = rng.choice(["", "owed:", "timer:", "t", rng.choice(KEYS)]), "", rng.randrange(1, 6)
        while page := await double.read(prefix, after, limit):
            found = await notes.read(prefix, after, limit)
            assert list(found.items()) == list(page.items()), (turn, prefix, after, limit)
            after = max(page)
        assert await notes.read(prefix, after, limit) == {}
