"""Readers against a journal that is written as fast as can be: what they pass on is what was written, in its order."""

import pytest

from tests.simulation import reading
from tests.simulation.seeds import SEEDS


@pytest.mark.parametrize("seed", SEEDS)
def test_every_reader_passes_on_what_was_written_in_order(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    reading.run(seed)
