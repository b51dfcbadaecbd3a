"""docs/soak.md: what a soak found, as a page."""

import statistics
from pathlib import Path
from typing import Final

from benchmarks.report import Line, markdown_table
from benchmarks.soak.found import PlaySample, Soak
from benchmarks.soak.judging import GROWTH_MAX, ended, failures, fifths, judge, passing

FILE: Final = Path(__file__).parents[2] / "docs" / "soak.md"


def page(found: Soak, note: str = "") -> str:
    """The whole page; `note` is what else there is to say of the run."""
    parts = [
        _head(found),
        *([note] if note else []),
        "![memory, latency and Redis over time](soak.png)",
        _verdict(found),
    ]
    parts += [_processes(found), _play(found), _store(found), _again()]
    return "\n\n".join(parts) + "\n"


def _head(found: Soak) -> str:
    of, settings = found.machine, found.settings
    rush = "; so play is faster then" if settings.get("rush", 0) > settings["rate"] else ""
    return (
        "# Soak: memory over half an hour\n\n"
        "Written by `make soak` (`python -m benchmarks.soak`).\n"
        f"{found.date[:10]}, {of['cores']} cores of {of['cpu']}, Python {of['python']}, Redis {of['redis_server']}"
        f" with AOF `everysec`.\n`croupier up` with {settings['shards']} shards, a warm spare, {settings['gateways']}"
        f" gateways and the archive; {settings['residents']:,} players at most in memory of each shard"
        f" (`--residents-max`).\n\n"
        f"{found.lasted_s / 60:.0f} minutes of play, of which the first {found.warm_up_s / 60:.0f} are the warm-up:"
        " memory fills with players, their remembered commands, and\nthe records that a shard keeps for a Redis that"
        f" loses its tail{rush}. {settings['seats']} players at a time play {settings['rate']} spins"
        " a second\ntogether, in one call or two, with free spins, rollbacks, cancels and repeats, each beside books of"
        " their own. After 60 to 140 spins a\nplayer compares everything with these books and makes room for somebody"
        " new; a quarter come again when they have long left memory."
    )


def _verdict(found: Soak) -> str:
    books, told = found.books, failures(found)
    text = "PASS" if not told else "FAIL: " + "; ".join(told)
    return (
        f"## Verdict: {text}\n\n"
        f"{books.spins:,} spins of {books.players:,} players, {books.came_again:,} of whom came again;"
        f" {sum(one.retries for one in found.play):,} requests refused or not answered, {books.lost} lost,"
        f" {books.doubled} doubled, {len(books.differences)} differences from the books."
    )


def _mb(kb: float) -> str:
    return f"{kb / 1024:,.1f}"


def _pair(values: tuple[int, int]) -> str:
    return f"{values[0]} → {values[1]}"


def processes(found: Soak) -> str:
    """The table of all processes that were judged."""
    head = ("process", "MB, first", "MB, last", "grown", "line", "anonymous, MB", "PSS, MB", "files", "threads", "")
    lines: list[Line] = []
    for one in judge(found):
        figures = (_mb(one.first_kb), _mb(one.last_kb), f"{one.grown:+.1%}", f"{one.slope:+.1%}")
        more = (f"{one.anonymous_grown_kb / 1024:+.1f}", _mb(one.pss_kb), _pair(one.descriptors), _pair(one.threads))
        lines.append((one.name, *figures, *more, "flat" if one.flat else "**grows**"))
    return markdown_table(head, lines)


def _processes(found: Soak) -> str:
    came = passing(found)
    names = ", ".join(sorted({one.name for one in came}))
    later = f"\n\n{len(came)} short-lived processes came later ({names})." if came else ""
    gone = "".join(f"\n\n{one.name} ({one.pid}) ended." for one in ended(found))
    return (
        "## Processes\n\n"
        "Memory that lies in the process (RSS), after the warm-up: medians of the first and the last fifth. `grown` is"
        " the highest median of\na later fifth against the first; `line` is what the line of least squares through all"
        f" samples gains. Bar: {GROWTH_MAX:.0%} for both. `anonymous`\nis what pages of no file gained. Open files and"
        f" threads: medians of the first and the last fifth.\n\n{processes(found)}{later}{gone}"
    )


def _play(found: Soak) -> str:
    counted = [one for one in found.play if one.at_s >= found.warm_up_s]
    size = max(1, len(counted) // 6)
    groups = [counted[begin : begin + size] for begin in range(0, size * 6, size)]
    lines = [_play_line(group) for group in groups if group]
    return (
        "## Spins over time\n\n"
        "As the players see them, repeats included; the players run on the same cores as the server.\n\n"
        + markdown_table(("minutes", "spins/s", "p50, ms", "p99, ms", "longest, ms"), lines)
    )


def _play_line(group: list[PlaySample]) -> Line:
    begin, end = group[0].at_s / 60, group[-1].at_s / 60
    spins = sum(one.spins for one in group) / sum(one.seconds for one in group)
    p50, p99 = (statistics.median(getattr(one, name) for one in group) / 1000 for name in ("p50_us", "p99_us"))
    longest = max(one.max_us for one in group) / 1000
    return (f"{begin:.0f} to {end:.0f}", f"{spins:.0f}", f"{p50:.1f}", f"{p99:.1f}", f"{longest:.0f}")


def _store(found: Soak) -> str:
    counted = [one for one in found.store if one.at_s >= found.warm_up_s]
    first, last = counted[0], counted[-1]
    records = fifths([one.records for one in counted])
    came = last.players - first.players
    each = (last.used_bytes - first.used_bytes) / max(1, came)
    return (
        "## Redis\n\n"
        f"`used_memory` went from {first.used_bytes / 1e6:.0f} to {last.used_bytes / 1e6:.0f} MB while"
        f" {came:,} players came: {each / 1000:.1f} KB for each, who stay registered with all that\nis remembered of"
        " them. So its process is not judged. The journal is trimmed behind the snapshots and the archive: it held"
        f" {records[0]:,.0f} records\nin the first fifth and {records[-1]:,.0f} in the last (medians; one record holds"
        " the spins of one batch)."
    )


def _again() -> str:
    return (
        "## Again\n\n"
        "```\n"
        "make soak                                  # 30 minutes; writes this page\n"
        'make soak SOAK="--minutes 3 --warm-up 1 --residents 100 --output /tmp"\n'
        "```"
    )
