"""Where the CPU of a spin goes: samples gateway and shard under load with py-spy and writes docs/spin-profile.md.

`python -m benchmarks.spin_profile` on a machine that does nothing else; `pip install py-spy` first. Only threads that
hold the interpreter are sampled: waiting counts for nothing, and a system call counts where it keeps the interpreter.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import results, targets
from benchmarks.load import LoadFailed, Spins, measure
from benchmarks.processes import family, process_table, role
from benchmarks.signed import Keys, write_spins

PAGE: Final = Path(__file__).parents[1] / "docs" / "spin-profile.md"
WARM_UP_S: Final = 3
PROFILED: Final = {"redis-everysec": "over HTTP", "stream": "on the stream"}
PARTS: Final = ("gateway", "shard")
RATE_MAX: Final = 20_000
SHOWN: Final = 25
SAMPLES_MIN: Final = 500
"""A process with fewer did not play: the warm spare."""


class Profile(NamedTuple):
    """Samples of one process: by function alone, and with all that it called."""

    samples: int
    alone: Counter[str]
    whole: Counter[str]


def folded(lines: Iterable[str]) -> Profile:
    """From py-spy's raw format: frames joined by `;`, outermost first, a blank, how often."""
    alone, whole, samples = Counter[str](), Counter[str](), 0
    for line in lines:
        stack, _, count = line.rpartition(" ")
        frames = [re.sub(r":\d+\)$", ")", frame) for frame in stack.split(";")]
        samples += int(count)
        alone[frames[-1]] += int(count)
        whole.update(dict.fromkeys(frames, int(count)))
    return Profile(samples, alone, whole)


def page(found: Sequence[tuple[str, str, int, Profile]], machine: str) -> str:
    """The document: a table for each (way, part, spins per second, profile)."""
    head = f"""# Where the CPU of a spin goes

Written by `python -m benchmarks.spin_profile`.
{machine}. Redis journal with AOF `everysec`, 10,000 players, 64 connections.
py-spy samples only threads that hold the interpreter. `alone` is the function's own share of the process's CPU, C
functions that it calls included; `in all` is with the Python functions that it calls.
"""
    return head + "".join(_table(*one) for one in found)


def _table(way: str, part: str, per_second: int, profile: Profile) -> str:
    rows = [
        f"| `{name}` | {share / profile.samples:.1%} | {profile.whole[name] / profile.samples:.1%} |"
        for name, share in profile.alone.most_common(SHOWN)
    ]
    title = (
        f"\n## The {part}, spins {way}\n\n{per_second:,} spins/s while it was sampled, {profile.samples:,} samples.\n"
    )
    return "\n".join([title, "| function | alone | in all |", "| --- | ---: | ---: |", *rows, ""])


def _profiles(name: str, folder: Path, seconds: int, spy: str) -> Iterator[tuple[str, str, int, Profile]]:
    """Of gateway and shard of one target. Raises LoadFailed, ServerFailed."""
    keys = Keys.fresh()
    keys.write(folder / "keys.json")
    setting = targets.Setting(folder, keys, folder / "keys.json", players=10_000, actors=1)
    with ExitStack() as stack:
        target = targets.SPECS[name].start(stack, setting, name)
        spins = _Load(target, folder, keys)
        spins.run(WARM_UP_S)
        sampled = [
            (
                role(one.title),
                _sampling(spy, one.pid, folder / f"{one.pid}.raw", seconds - 1),
                folder / f"{one.pid}.raw",
            )
            for one in family(process_table(), target.roots)
            if role(one.title) in PARTS
        ]
        per_second = spins.run(seconds)
        for part, sampler, file in sampled:
            if sampler.wait() == 0 and (profile := folded(file.read_text().splitlines())).samples >= SAMPLES_MIN:
                yield PROFILED[name], part, per_second, profile


class _Load:
    """Spins that are never sent twice."""

    def __init__(self, target: targets.Target, folder: Path, keys: Keys) -> None:
        self._target, self._file, self._game, self._sent = target, folder / "spins", keys.game, 0

    def run(self, seconds: int) -> int:
        """Spins per second."""
        if self._target.load is not None:
            return self._target.load(64, seconds).per_second
        count = RATE_MAX * (seconds + 1)
        size = write_spins(self._file, self._game, self._sent, count, self._target.players)
        self._sent += count
        return measure(self._target.url, Spins(self._file, size, count), 64, seconds).per_second


def _sampling(spy: str, pid: int, file: Path, seconds: int) -> "subprocess.Popen[bytes]":
    command = [spy, "record", "--gil", "--rate", "400", "--duration", str(seconds), "--format", "raw"]
    return subprocess.Popen(
        [*command, "--output", str(file), "--pid", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the page; 1 if there was nothing to write."""
    parser = argparse.ArgumentParser(prog="benchmarks.spin_profile", description=__doc__)
    parser.add_argument("--seconds", type=int, default=15, help="how long each way is sampled")
    parser.add_argument("--output", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if spy is None:
        print("py-spy is not installed: pip install py-spy", file=sys.stderr)
        return 1
    found = list[tuple[str, str, int, Profile]]()
    for name in PROFILED:
        with tempfile.TemporaryDirectory(prefix="croupier-profile-") as folder:
            try:
                found += _profiles(name, Path(folder), options.seconds, spy)
            except LoadFailed as failure:
                print(f"no profile {PROFILED[name]}: {failure}", file=sys.stderr)
                return 1
    of = results.machine()
    machine = f"{results.now()[:10]}, {of['cores']} cores of {of['cpu']}, Python {of['python']} ({of['build']})"
    options.output.write_text(page(found, machine))
    return 0


if __name__ == "__main__":
    sys.exit(main())
