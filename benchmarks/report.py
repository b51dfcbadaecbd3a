"""Tables of a run: for the terminal, and as Markdown for the README, which quotes the last one.

`python -m benchmarks.report` writes `results.json` and its chart into README.md between two markers.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks import bar, results
from benchmarks.results import OpenLoopRow, Results, Row

FOREIGN_CPU_MAX: Final = 20
"""Percent of a core beyond which figures say more about the machine than about the servers."""
README: Final = results.FILE.parents[1] / "README.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
Line = tuple[str, ...]

SPEED_HEAD: Final = (
    "one-call spins, 64 connections", "rounds", "spins/s", "× P0", "Croupier ×", "p50 ms", "p99 ms", "p50 ms, 1 conn.",
    "p99 ms, 1 conn.",
)  # fmt: skip
CPU_HEAD: Final = ("CPU µs per spin, 64 connections", "all", "by process")
OPEN_HEAD: Final = (
    "open loop at half the maximum", "per second", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "dropped", "failed",
    "generator CPU %",
)  # fmt: skip
BAR_HEAD: Final = ("the bar", "found", "bar", "goal", "reached")


def _ms(us: int) -> str:
    return f"{us / 1000:.2f}"


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


def speed_lines(found: Results) -> list[Line]:
    """One for each target. `Croupier ×`: by how much Croupier on Redis is faster."""
    return [
        (
            row.title,
            str(row.rounds),
            f"{row.per_second:,}",
            _ratio(row.to_p0),
            _ratio(found.ratios.get(row.name)),
            *map(_ms, (row.p50_us, row.p99_us, row.p50_us_1, row.p99_us_1)),
        )
        for row in found.rows
    ]


def cpu_lines(found: Results) -> list[Line]:
    """One for each target: `198`, `gateway 101, shard 62 …`, the largest first."""
    return [(row.title, f"{sum(row.cpu_us.values()):.0f}", cpu(row)) for row in found.rows]


def cpu(row: Row) -> str:
    """Processes with their CPU µs per spin; what rounds to nothing is left out."""
    return ", ".join(f"{role} {us:.0f}" for role, us in row.cpu_us.items() if round(us))


def open_lines(found: Results) -> list[Line]:
    """One for each target that was measured so."""
    return [_open_line(row.title, row.open_loop) for row in found.rows if row.open_loop is not None]


def _open_line(title: str, row: OpenLoopRow) -> Line:
    figures = map(_ms, (row.p50_us, row.p99_us, row.p999_us, row.max_us))
    mark = " (late)" if row.saturated else ""
    return (title, f"{row.rate:,}", *figures, str(row.dropped), str(row.failed), f"{row.generator_cpu}{mark}")


def bar_lines(found: Results) -> list[Line]:
    """One for each measure of the bar."""
    lines = list[Line]()
    for measure, value in bar.judge(found):
        sign = "≥" if measure.at_least else "≤"
        reached = bar.Judged(measure, value).reached
        lines.append(
            (
                measure.name,
                "not measured" if value is None else f"{value:g} {measure.unit}".strip(),
                f"{sign} {measure.bar:g} {measure.unit}".strip(),
                "" if measure.goal is None else f"{measure.goal:g}",
                "–" if value is None else "yes" if reached else "**no**",
            )
        )
    return lines


def remarks(found: Results) -> list[str]:
    """What has to be read with the figures."""
    told = []
    if (ours := found.row(bar.CROUPIER)) is not None and ours.snapshot_cpu_share is not None:
        told.append(f"Snapshots took {ours.snapshot_cpu_share:.0%} of the shard's CPU.")
    busiest = max((row.generator_cpu for row in found.rows), default=0)
    told.append(f"The load generator took up to {busiest} % of a core of the same machine.")
    idle = max((row.others_cpu for row in found.rows), default=0)
    told.append(f"The servers that were not under load took up to {idle} % of a core meanwhile.")
    foreign = max((row.foreign_cpu or 0 for row in found.rows), default=0)
    if foreign > FOREIGN_CPU_MAX:
        told.append(
            f"What does not belong to the run took up to {foreign} % of a core: run it again on a quiet machine."
        )
    told.extend(
        f"Against {row.title} the open loop sent late itself (p99 {_ms(row.open_loop.late_p99_us)} ms, at"
        f" {row.open_loop.generator_cpu} % CPU): its latencies are upper bounds."
        for row in found.rows
        if row.open_loop is not None and row.open_loop.saturated
    )
    if found.row("p3") is not None:
        told.append(f"P3 has {found.options['actors']} players only: each is a process.")
    return told


def build_line(found: Results) -> str:
    """Date, machine, interpreter and its build."""
    of, options = found.machine, found.options
    return ", ".join(
        (
            f"{found.date[:10]}, {of['cores']} cores of {of['cpu']}",
            f"Python {of['python']} ({of['compiler']}, {of['build']})",
            f"Redis {of['redis_server']}, PostgreSQL {of['postgresql'] or '–'}",
            f"{options['players']:,} players, {options['rounds']} rounds of {options['seconds']} s",
        )
    )


def show(console: Console, found: Results) -> None:
    """Prints all tables."""
    for head, lines in _tables(found):
        table = Table(title=head[0])
        for number, name in enumerate(("", *head[1:])):
            table.add_column(name, justify="right" if number and name != CPU_HEAD[-1] else "left", no_wrap=not number)
        for line in lines:
            table.add_row(*(cell.replace("**", "") for cell in line))
        console.print(table)
    for remark in (build_line(found), *remarks(found)):
        console.print(remark, markup=False, highlight=False)


def _tables(found: Results) -> list[tuple[Line, list[Line]]]:
    """Heads and lines of those that have any."""
    tables = (
        (SPEED_HEAD, speed_lines(found)),
        (CPU_HEAD, cpu_lines(found)),
        (OPEN_HEAD, open_lines(found)),
        (BAR_HEAD, bar_lines(found)),
    )
    return [(head, lines) for head, lines in tables if lines]


def markdown_table(head: Sequence[str], lines: Sequence[Line]) -> str:
    """A table whose first column stands left and the others right."""
    rule = ["---" if name in (head[0], CPU_HEAD[-1]) else "---:" for name in head]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))


def markdown(found: Results, picture: str) -> str:
    """All tables for the README, with the chart."""
    blocks = [f"{build_line(found)}.", f"![spins per second and CPU per spin]({picture})"]
    blocks += [markdown_table(head, lines) for head, lines in _tables(found)]
    blocks.append(" ".join(remarks(found)))
    return "\n\n".join(blocks)


def insert(text: str, block: str, begin: str = BEGIN, end: str = END) -> str:
    """`text` with `block` between the markers instead of what is there. Raises ValueError without markers."""
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{begin} and {end} are not both there")
    return f"{before}{begin}\n{block}\n{end}{after}"


def main() -> None:
    """Writes the README's tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=results.FILE)
    found = results.read(parser.parse_args().results)
    from benchmarks import chart  # matplotlib takes a second to load

    block = markdown(found, str(chart.FILE.relative_to(README.parent)))
    README.write_text(insert(README.read_text(), block))


if __name__ == "__main__":
    main()
