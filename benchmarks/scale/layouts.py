"""CPU per spin with more shards and gateways: on few cores throughput can't grow, but the cost of a spin must not."""

from redis import Redis

from benchmarks import client, servers
from benchmarks.scale.found import Layout, Network
from benchmarks.scale.place import Place, cpu_us, per_second

LAYOUTS = ((1, 1), (2, 1), (4, 1), (1, 2), (2, 2))
"""Shards and gateways."""


def measure(place: Place, shards: int, gateways: int, players: int, rounds: int, seconds: int) -> Layout:
    """One layout on a Redis of its own. Raises what the parts raise."""
    name = f"layout-{shards}-{gateways}"
    with (
        servers.redis(place.folder, name, "everysec") as store,
        place.croupier(store, f"--shards {shards} --gateways {gateways}") as running,
    ):
        client.prepare(running.url, place.keys.platform, players)
        place.load(running.url, (), players, 1)
        loads = [place.load(running.url, (running.pid, store.pid), players, seconds) for _ in range(rounds)]
    return Layout(shards, gateways, per_second(loads), cpu_us(loads))


def network(place: Place, players: int, seconds: int) -> Network:
    """Bytes per spin: request and answer as sent, and what Redis counts as received."""
    with servers.redis(place.folder, "network", "everysec") as store, place.croupier(store, "--shards 1") as running:
        client.prepare(running.url, place.keys.platform, players)
        counted = Redis.from_url(store.url)
        before = counted.info("stats")["total_net_input_bytes"]
        loaded = place.load(running.url, (), players, seconds)
        received = counted.info("stats")["total_net_input_bytes"] - before
        counted.close()
        sent = place.spins(1, players).record_bytes
    return Network(sent + loaded.sample.answer_bytes, round(received / loaded.sample.requests))
