"""Players that the scale curves write by the store's contract are players to a server that starts on it."""

from pathlib import Path

from benchmarks.player_memory import CATALOG
from benchmarks.scale.registering import BATCH, register
from croupier.catalog import load_catalog
from snapshots.codec import decode_snapshot
from snapshots.opening import open_store


async def test_everybody_is_there_with_a_country_and_the_shard_is_free_again(tmp_path: Path) -> None:
    url, count = f"sqlite:{tmp_path / 'store'}", BATCH + 3
    await register(url, load_catalog(CATALOG), count)
    await register(url, load_catalog(CATALOG), 0)
    store = open_store(url)
    await store.open()
    for number, country in ((0, "SE"), (BATCH + 2, "US")):
        stored = await store.load_player(f"bench-{number:06d}")
        assert decode_snapshot(stored.generations[0]).state.country == country
    assert (await store.load_player(f"bench-{count:06d}")).generations == ()
    await store.close()
