"""What a run has shown, and whether that is good enough."""

from typing import NamedTuple

from tests.load.tally import Tally


class Figures(NamedTuple):
    """What locust measured: requests, exceptions in players, and p99 over all requests in ms.

    Failed requests are in the tally: locust drops the last report of a worker that has stopped.
    """

    requests: int
    exceptions: int
    p99_ms: float


def complaints(figures: Figures, tally: Tally, p99_max_ms: float) -> list[str]:
    """Every reason for which the run has failed; none: it has passed."""
    counts = tally.counts
    found = []
    if not counts["rounds"]:
        found.append("no round was played")
    if counts["failed"]:
        found.append(f"{counts['failed']} requests failed")
    if figures.exceptions:
        found.append(f"players met {figures.exceptions} exceptions")
    if figures.p99_ms > p99_max_ms:
        found.append(f"p99 is {figures.p99_ms:.0f} ms; at most {p99_max_ms:.0f} ms are allowed")
    if counts["differences"]:
        found.append(f"{counts['differences']} answers differ from the players' books")
    if not tally.all_reconciled:
        found.append(f"{counts['players'] - counts['reconciled']} of {counts['players']} players were not reconciled")
    for wallet in ("real", "bonus"):
        expected, held = counts[f"expected_{wallet}"], counts[f"held_{wallet}"]
        if expected != held:
            found.append(f"{wallet} money: the books say {_euros(expected)}, the server holds {_euros(held)}")
    return found


def report(figures: Figures, tally: Tally, p99_max_ms: float) -> str:
    """The figures, the verdict and what speaks against it, as lines for a terminal."""
    found = complaints(figures, tally, p99_max_ms)
    lines = [f"{name:<28} {value}" for name, value in _rows(figures, tally, p99_max_ms).items()]
    if not found:
        return "\n".join([*lines, "PASSED: every balance equals the books of its player"])
    return "\n".join([*lines, *(f"FAILED: {reason}" for reason in found), *(f"  {line}" for line in tally.differences)])


def _rows(figures: Figures, tally: Tally, p99_max_ms: float) -> dict[str, str]:
    counts = tally.counts
    expected, held = (
        f"{_euros(counts[f'{side}_real'])} real, {_euros(counts[f'{side}_bonus'])} bonus"
        for side in ("expected", "held")
    )
    return {
        "requests": f"{figures.requests}, {counts['failed']} failed, {counts['asked_again']} asked again",
        "p99 of all requests": f"{figures.p99_ms:.0f} ms, at most {p99_max_ms:.0f} ms",
        "rounds": f"{counts['rounds']}, {counts['free_rounds']} of them free",
        "rollbacks": str(counts["rollbacks"]),
        "bonuses awarded": str(counts["awards"]),
        "same keys, same answers": str(counts["repeats"]),
        "expected refusals": str(counts["expected_refusals"]),
        "balances checked": f"{counts['balances_checked']}, {counts['differences']} differences",
        "players reconciled": f"{counts['reconciled']} of {counts['players']}",
        "money by the books": expected,
        "money on the server": held,
    }


def _euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d} EUR"
