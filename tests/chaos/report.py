"""What a run has found, as docs/chaos.md and as lines for the terminal."""

import os
import platform
import time
from pathlib import Path
from typing import Final

from tests.chaos.picture import draw
from tests.chaos.run import Found
from tests.chaos.timeline import Outage

BEGIN, END = "<!-- chaos:begin -->", "<!-- chaos:end -->"
PAGE: Final = "chaos.md"
PICTURE: Final = "chaos.png"


def summary(found: Found) -> str:
    """The verdict, and what speaks against it."""
    complaints = found.complaints()
    lines = [f"{name:<34} {value}" for name, value in _totals(found)]
    verdict = "PASSED: 0 lost, 0 doubled, everything came back" if not complaints else "FAILED"
    return "\n".join([*lines, verdict, *(f"FAILED: {line}" for line in complaints)])


def write(found: Found, folder: Path) -> None:
    """Puts the figures between the marks of docs/chaos.md, and the picture beside it."""
    draw(found, folder / PICTURE)
    page = folder / PAGE
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{_figures(found)}\n{END}{after}")


def _totals(found: Found) -> list[tuple[str, str]]:
    counts, reckoning, verified = found.counts, found.reckoning, found.verified
    return [
        ("requests answered", f"{counts['asks']}, {counts.get('asked_again', 0)} repeats on the way"),
        ("commands acknowledged", str(reckoning.acknowledged)),
        ("of them lost", str(len(reckoning.lost))),
        ("of them doubled", str(len(reckoning.doubled))),
        ("there, but never acknowledged", str(len(reckoning.never_answered))),
        ("unknown at first, found written", str(reckoning.resolved)),
        ("keys repeated at the end", f"{reckoning.repeated}, {len(reckoning.other_answers)} answered otherwise"),
        ("balances checked in play", f"{counts.get('balances_checked', 0)}, {counts.get('differences', 0)} wrong"),
        ("players reconciled", f"{counts.get('reconciled', 0)} of {found.wanted.players}"),
        ("money by the books, on the server", f"{_money(found, 'expected')}; {_money(found, 'held')}"),
        ("croupier audit verify", f"exit code {verified.exit_code}, {verified.entries} entries, "
         f"{verified.players} players, {verified.compared} balances compared"),
        ("faults", f"{len(found.outages)} in {found.seconds / 60:.1f} minutes"),
        ("longest wait of all", f"{max((one.longest_s for one in found.outages), default=0):.1f} s"),
    ]  # fmt: skip


def _money(found: Found, side: str) -> str:
    real, bonus = (found.counts.get(f"{side}_{wallet}", 0) for wallet in ("real", "bonus"))
    return f"{real / 100:.2f} EUR real and {bonus / 100:.2f} bonus"


def _figures(found: Found) -> str:
    complaints = found.complaints()
    options = f"--minutes {found.wanted.minutes:g} --seed {found.wanted.seed}"
    machine = f"{os.cpu_count()} cores, load average at the end {os.getloadavg()[1]:.0f}"
    lines = [
        f'{time.strftime("%Y-%m-%d", time.gmtime())}, `make chaos ARGS="{options}"`, {found.wanted.players} players, '
        f"{machine}, Python {platform.python_version()}.",
        "",
        "**Failed:**" if complaints else "**Passed: 0 lost, 0 doubled, everything came back.**",
        *(f"- {line}" for line in complaints),
        "",
        f"![answers per second and outages]({PICTURE})",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in _totals(found)),
        "",
        "| # | at | fault | hit | kept up | all whole after | longest wait | of | players above 1 s |",
        "|---:|---:|---|---|---:|---:|---:|---|---:|",
    ]
    return "\n".join([*lines, *(_row(number, one, found.began) for number, one in enumerate(found.outages, 1))])


def _row(number: int, one: Outage, began: float) -> str:
    trouble = one.trouble
    cells = (
        str(number),
        f"{trouble.began - began:.0f} s",
        trouble.kind,
        trouble.missed or trouble.hit,
        f"{trouble.over - trouble.began:.1f} s",
        f"{trouble.whole - trouble.began:.1f} s",
        f"{one.longest_s:.1f} s",
        one.longest_command,
        str(one.slow_players),
    )
    return f"| {' | '.join(cells)} |"
