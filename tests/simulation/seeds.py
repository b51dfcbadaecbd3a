"""Which seeds run: `"3 17-20"` is 3, 17, 18, 19, 20."""

import os


def seeds(asked: str) -> list[int]:
    """Raises ValueError if it can't be read."""
    ranges = [part.partition("-") for part in asked.split()]
    return [seed for first, _, last in ranges for seed in range(int(first), int(last or first) + 1)]


SEEDS = seeds(os.environ.get("SIMULATION_SEEDS", "1-30"))
