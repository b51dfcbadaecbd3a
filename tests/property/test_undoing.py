"""Rules §2.5, §3: whoever undoes all bets, in whatever order, is back at the start. Here with a single bonus."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.commands import Deposit, Register
from tests.property.offers import HOUR_MS
from tests.property.round_steps import RoundSteps
from tests.property.wiring import STANDARD

PLAYS = st.lists(
    st.tuples(
        st.sampled_from(["spin", "spin", "spin", "spin", "free", "free", "open", "add"]),
        st.sampled_from(["wheel", "wheel", "book"]),
        st.sampled_from([10, 20, 30, 50, 61, 100]),
        st.sampled_from([0, 0, 20, 61, 100, 140]),
    ),
    min_size=3,
    max_size=7,
)


@pytest.mark.timeout(7_200)
@settings(max_examples=8 * settings().max_examples)
@given(
    st.sampled_from(["real_first", "bonus_first"]),
    st.sampled_from([1, 1, 40]),
    st.sampled_from(
        ["voidable", "voidable", "spins", "spins", "short-spins", "steady", "steady-stays", "plain", "capped"]
    ),
    PLAYS,
    st.randoms(use_true_random=False),
    st.sampled_from([0, 1, 10 * HOUR_MS]),
)
def test_undoing_all_bets_in_any_order_restores_the_start(
    funds_order: str,
    deposit: int,
    campaign_id: str,
    plays: list[tuple[str, str, int, int]],
    order: Random,
    wait_ms: int,
) -> None:
    life = RoundSteps()
    life.open_house(funds_order, STANDARD)
    life.send(Register("EUR", "FI"))
    life.send(Deposit(1))  # too small for what the first deposit would bring
    life.send(Deposit(deposit))
    life.undo_everything(campaign_id, plays, order, wait_ms)
