"""`croupier demo`: a game server against a Croupier that loses a shard half-way; then every balance is reconciled.

The exit code is 0 only if nothing differs from the demo's own books, every acknowledged command is there exactly once,
and the server ends cleanly.

Only the command line calls it.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from croupier.demo.client import Client, Meter, Unanswered
from croupier.demo.keeping import archived, empty_folder, write_books
from croupier.demo.player import DemoPlayer, Tally, Unexpected
from croupier.demo.server import DemoServer, ServerFailed
from croupier.running.up import CannotStart

SHARDS = 2
IN_FLIGHT = 64
REPEATS_PER_PLAYER = 8
RECOVERY_TIMEOUT_S = 30
DIFFERENCES_SHOWN = 20


@dataclass
class Report:
    """The results of the run. Times are in seconds."""

    meter: Meter
    tally: Tally
    took_s: float = 0.0
    recovery_s: float | None = None
    exit_code: int | None = None


def run_demo(players: int, spins: int, seed: int, keep: Path | None = None) -> int:
    """Plays `spins` spins of `players` players; 0 if everything reconciles, else 1. Raises CannotStart.

    The store with its archive stays in the folder `keep`, with the demo's books beside it.
    """
    if players < 1 or spins < 1:
        raise CannotStart("the demo needs at least one player and one spin")
    if keep is not None:
        keep = empty_folder(keep)
    console = Console()
    console.print(f"Starting Croupier: local Ray, {SHARDS} shards, SQLite in {keep or 'a temporary folder'} …")
    try:
        with DemoServer(SHARDS, keep) as server:
            report = uvloop.run(_play(server, console, players, spins, seed, keep))
            report.exit_code = server.stop()
            log_end = server.log_end()
    except ServerFailed as failure:
        raise CannotStart(str(failure)) from failure
    if report.exit_code != 0:
        report.tally.differences.append(f"SIGTERM: expected exit code 0, got {report.exit_code}")
    return _conclude(console, report, players, log_end)


async def _play(server: DemoServer, console: Console, players: int, spins: int, seed: int, keep: Path | None) -> Report:
    report = Report(Meter(), Tally())
    everybody = [
        DemoPlayer(f"p{number}", f"{seed}/{number}", server.game_server, server.platform, report.tally)
        for number in range(players)
    ]
    clients = [Client(server.host, server.port, report.meter) for _ in range(min(IN_FLIGHT, players))]
    try:
        await _each(clients, everybody, lambda client, player: player.arrive(client), report.tally)
        async with _shown(console, report.tally, spins):
            await _spin_all(server, clients, everybody, spins, seed, report)
        console.print("Reconciling …")
        await _each(
            clients, everybody, lambda client, player: player.reconcile(client, REPEATS_PER_PLAYER), report.tally
        )
    finally:
        for client in clients:
            client.close()
    if keep is not None:
        console.print("Waiting until everything is in the archive …")
        await archived(server.store)
        write_books(keep, {player.player_id: player.account for player in everybody})
    return report


async def _each(
    clients: Sequence[Client],
    players: Sequence[DemoPlayer],
    what: Callable[[Client, DemoPlayer], Awaitable[None]],
    tally: Tally,
) -> None:
    """Every player does one thing. Each client takes its share of the players, one after the other."""

    async def share(index: int) -> None:
        for player in players[index :: len(clients)]:
            try:
                await what(clients[index], player)
            except (Unexpected, Unanswered) as failure:
                tally.differences.append(f"{player.player_id}: {failure}")

    await asyncio.gather(*(share(index) for index in range(len(clients))))


async def _spin_all(
    server: DemoServer, clients: Sequence[Client], players: Sequence[DemoPlayer], spins: int, seed: int, report: Report
) -> None:
    """Plays all spins, with at most one request of each player under way. Half-way a shard is killed."""
    quota = {player.player_id: spins // len(players) for player in players}
    for player in players[: spins % len(players)]:
        quota[player.player_id] += 1

    async def share(index: int) -> None:
        mine = list(players[index :: len(clients)])
        while mine:
            for player in list(mine):
                if quota[player.player_id] == 0 or not await _one_spin(clients[index], player, report.tally):
                    mine.remove(player)
                quota[player.player_id] -= 1

    began = time.perf_counter()
    killing = asyncio.create_task(_kill_half_way(server, spins // 2, seed, report))
    await asyncio.gather(*(share(index) for index in range(len(clients))))
    report.took_s = time.perf_counter() - began
    await killing
    since = report.tally.answered_since
    report.recovery_s = max(since.values()) if since else None


async def _one_spin(client: Client, player: DemoPlayer, tally: Tally) -> bool:
    try:
        await player.spin(client)
    except (Unexpected, Unanswered) as failure:
        tally.differences.append(f"{player.player_id}: {failure}; it stops playing")
        return False
    return True


async def _kill_half_way(server: DemoServer, after_spins: int, seed: int, report: Report) -> None:
    tally = report.tally
    shards = await asyncio.to_thread(server.shards)
    name = random.Random(seed).choice(sorted(shards))
    pid, epoch = shards[name]
    while tally.spins < after_spins and not tally.differences:
        await asyncio.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    tally.killed_at = time.perf_counter()
    deadline = tally.killed_at + RECOVERY_TIMEOUT_S
    while time.perf_counter() < deadline:
        await asyncio.sleep(0.5)
        if (await asyncio.to_thread(server.shards)).get(name, (pid, epoch))[1] > epoch:
            return
    tally.differences.append(f"shard {name} was killed and not replaced within {RECOVERY_TIMEOUT_S} s")


# --- what is shown


@asynccontextmanager
async def _shown(console: Console, tally: Tally, spins: int) -> AsyncIterator[None]:
    """A progress bar on a terminal, one line per quarter elsewhere."""
    show = asyncio.create_task(_bar(console, tally, spins) if console.is_terminal else _lines(console, tally, spins))
    try:
        yield
    finally:
        show.cancel()
        await asyncio.gather(show, return_exceptions=True)


async def _bar(console: Console, tally: Tally, spins: int) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Spinning", total=spins)
        try:
            while True:
                killed = " (a shard was killed)" if tally.killed_at else ""
                progress.update(task, completed=tally.spins, description=f"Spinning{killed}")
                await asyncio.sleep(0.1)
        finally:
            progress.update(task, completed=tally.spins)


async def _lines(console: Console, tally: Tally, spins: int) -> None:
    try:
        for quarter in range(1, 4):
            while tally.spins < spins * quarter // 4:
                await asyncio.sleep(0.05)
            console.print(_state(tally, spins))
        await asyncio.Event().wait()  # the last line is printed when it is over
    finally:
        console.print(_state(tally, spins))


def _state(tally: Tally, spins: int) -> str:
    killed = ", a shard was killed half-way" if tally.killed_at else ""
    return f"{tally.spins} of {spins} spins{killed}"


def _conclude(console: Console, report: Report, players: int, log_end: str) -> int:
    console.print(_table(report, players))
    differences = report.tally.differences
    if not differences:
        console.print("Every balance equals the demo's own books: 0 lost, 0 doubled.")
        return 0
    console.print(f"{len(differences)} difference(s):", style="bold red")
    for line in differences[:DIFFERENCES_SHOWN]:
        console.print(f"  {line}", markup=False)
    if log_end:
        console.print(f"The server's log ends with:\n{log_end}", markup=False)
    return 1


def _table(report: Report, players: int) -> Table:
    tally, meter = report.tally, report.meter
    wrong = len({line.partition(":")[0] for line in tally.differences})
    table = Table(title="Croupier demo", title_justify="left", show_header=False)
    for name, value in (
        ("spins, one-call and two-call", f"{tally.spins}, {tally.free_spins} of them free"),
        ("spins per second", f"{tally.spins / report.took_s:.0f}" if report.took_s else "–"),
        ("latency of a spin", f"p50 {_percentile(meter, 50):.1f} ms, p99 {_percentile(meter, 99):.1f} ms"),
        ("a shard killed with SIGKILL", "all players answered again after " + _seconds(report.recovery_s)),
        ("requests", f"{meter.requests}, {meter.retries} of them retries"),
        ("replays", f"{tally.replays} same keys, same answers"),
        ("taken back", f"{tally.rollbacks} rollbacks, {tally.cancels} cancels, {tally.tombstones} tombstones"),
        ("acknowledged commands", f"{tally.lost} lost, {tally.doubled} doubled"),
        ("accounts reconciled", f"{players}, {wrong} with differences"),
        ("SIGTERM", f"exit code {report.exit_code}"),
    ):
        table.add_row(name, value)
    return table


def _percentile(meter: Meter, percent: int) -> float:
    """A percentile of the latencies, in milliseconds."""
    ordered = sorted(meter.latencies)
    return ordered[len(ordered) * percent // 100] * 1000 if ordered else 0.0


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"
