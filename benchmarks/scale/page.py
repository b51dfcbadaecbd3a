"""docs/performance.md: the curves as tables, and the arithmetic from them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.report import Line, markdown_table
from benchmarks.scale.found import Layout, Registered, Scale
from benchmarks.scale.sizing import LOAD_MAX, RATES, REDIS_LOAD_MAX, needs

FILE: Final = Path(__file__).parents[2] / "docs" / "performance.md"
HOT: Final = ("gateway", "shard", "redis")


def page(found: Scale) -> str:
    """The whole page. Parts that were not run are left out."""
    of = found.machine
    head = (
        "# Performance: how cost grows\n\n"
        "Written by `make bench-scale` (`python -m benchmarks.scale`); the figures beside the peers are in"
        " [README.md](../README.md#how-fast).\n"
        f"{found.date[:10]}, {of['cores']} cores of {of['cpu']}, Python {of['python']} ({of['compiler']},"
        f" {of['build']}), Redis {of['redis_server']}.\n"
        "Load from `wrk` on the same cores, 64 connections, Redis journal with AOF `everysec`."
    )
    parts = [_registered(found), _layouts(found), _memory(found), _recovery(found), _sizing(found)]
    picture = "![the curves](performance.png)"
    return "\n\n".join([head, picture, *(part for part in parts if part)]) + "\n"


def _change(share: float) -> str:
    """As whole percents with their sign; never `-0%`."""
    return f"{round(100 * share):+d}%"


def _cells(cpu_us: Mapping[str, float]) -> Line:
    others = sum(us for role, us in cpu_us.items() if role not in HOT)
    return (*(f"{cpu_us.get(role, 0.0):.0f}" for role in HOT), f"{others:.0f}", f"{sum(cpu_us.values()):.0f}")


def _section(title: str, text: str, head: Sequence[str], lines: Sequence[Line]) -> str:
    return f"## {title}\n\n{text}\n\n{markdown_table(head, lines)}" if lines else ""


def _registered(found: Scale) -> str:
    def line(one: Registered) -> Line:
        change = one.to_p0 / found.registered[0].to_p0 - 1
        figures = (
            f"{one.players:,}",
            f"{one.resident:,}",
            f"{one.per_second:,}",
            f"{one.to_p0:.2f}",
            f"{_change(change)}",
        )
        return (*figures, *_cells(one.cpu_us), f"{one.store_mb:,}", f"{one.register_s:,.0f}")

    head = ("registered", "in memory", "spins/s", "× P0", "change", *_cpu_head(), "Redis MB", "written in s")
    return _section(
        "Registered players",
        "All were registered by the engine and written as snapshots through the store's contract; those who play"
        " deposited over HTTP\nand spun once before the measurement. `× P0` is taken within a round, and `change` is"
        " that of it: the machine's own speed\ndiffers between sizes. Bar: spins per second fall by 10 % at most.",
        head,
        [line(one) for one in found.registered],
    )


def _cpu_head() -> Line:
    return (*(f"{role} µs" for role in HOT), "other µs", "all µs")


def _layouts(found: Scale) -> str:
    def line(one: Layout) -> Line:
        change = sum(one.cpu_us.values()) / sum(found.layouts[0].cpu_us.values()) - 1
        return (str(one.shards), str(one.gateways), f"{one.per_second:,}", *_cells(one.cpu_us), f"{_change(change)}")

    return _section(
        "Shards and gateways",
        "CPU microseconds per spin. On so few cores throughput can't grow with processes, but the cost of a"
        " spin must not either.\nBar: flat within 15 % at 1, 2 and 4 shards.",
        ("shards", "gateways", "spins/s", *_cpu_head(), "change"),
        [line(one) for one in found.layouts],
    )


def _memory(found: Scale) -> str:
    if found.memory is None:
        return ""
    lines = [
        ("idle", f"{found.memory.idle_kb:.2f} KB", "≤ 3 KB"),
        ("with 128 remembered commands", f"{found.memory.busy_kb:.2f} KB", "≤ 40 KB"),
    ]
    text = "Python memory of one player (`python -m benchmarks.player_memory`)."
    return _section("Memory of a resident player", text, ("player", "memory", "bar"), lines)


def _recovery(found: Scale) -> str:
    lines = [
        (
            f"{one.events:,}",
            f"{one.resident:,}",
            f"{len(one.kills)}",
            *(
                f"{of(name):.2f}"
                for name in ("claim_to_serve_s", "first_s", "all_s")
                for of in (one.median, one.longest)
            ),
            f"{one.asked:,}",
        )
        for one in found.recovery
    ]
    return _section(
        "A shard is killed",
        "SIGKILL, then a sample of the players, spread over all, repeats one spin each until it is answered."
        " Every balance was right\nafterwards. Each kill begins from the same state. Median and longest of the kills."
        " Bar: all served again in 1 s (median) and in 3 s\n(always), with 50,000 players in memory and 20,000 events"
        " since their snapshots.",
        (
            "events since the last snapshot",
            "players in memory",
            "kills",
            "claim to serve, s",
            "longest",
            "first answer, s",
            "longest",
            "all answered, s",
            "longest",
            "asked",
        ),
        lines,
    )


def _sizing(found: Scale) -> str:
    if found.network is None or not found.layouts:
        return ""
    cost = found.layouts[0].cpu_us
    rows = [needs(rate, cost, found.network) for rate in RATES]
    lines = [
        (
            f"{one.rate:,}",
            *map(str, (one.gateways, one.shards, one.redis_nodes, one.cores, one.http_gbit_s, one.redis_mb_s)),
        )
        for one in rows
    ]
    gateway, shard, redis = (cost[role] for role in HOT)
    return _section(
        "What a rate takes",
        f"From the cost of one shard and one gateway above: gateway {gateway:.0f}, shard {shard:.0f}, Redis"
        f" {redis:.0f} µs per spin. Gateways and\nshards are planned at {LOAD_MAX:.0%} of a core, Redis at"
        f" {REDIS_LOAD_MAX:.0%} of its one thread: `processes = rate × µs / 1,000,000 / load`, rounded up.\nA"
        f" spin is {found.network.http_bytes:,} bytes of HTTP both ways and {found.network.redis_bytes:,} bytes"
        " to Redis. This is arithmetic, not a measurement:\none Croupier has one store, so more than one Redis"
        " node means several Croupiers with players shared out between them;\nmachines of their own add"
        " network latency.",
        ("spins/s", "gateways", "shards", "Redis nodes", "cores", "HTTP Gbit/s", "Redis MB/s"),
        lines,
    )
