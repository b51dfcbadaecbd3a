"""The books of the load test's players, against examples worked out by hand from the rules."""

from fractions import Fraction

from tests.load.ledger import Books, Package
from tests.load.terms import Campaign, FreeSpins, Wager

SLOT, TABLE = "slot", "table"


def wager(times: int = 10, bet_min: int = 0, cashout_max: int | None = None) -> Wager:
    return Wager(Fraction(times), False, bet_min, cashout_max, {SLOT: 100, TABLE: 10})


def bonus(amount: int, **terms: int) -> Campaign:
    return Campaign("bonus", 1, amount, 0, 0, 0, wager(**terms), None)


def spins(count: int, times: int, win_max: int | None = None, days: int = 7) -> Campaign:
    offered = FreeSpins(count, 10, (SLOT,), days, Fraction(times), win_max)
    return Campaign("spins", 1, 0, 0, 0, 0, wager(), offered)


def spin(books: Books, win: int) -> int:
    package = books.usable(SLOT, 10)
    assert package is not None
    books.free_spin(package)
    return books.win(win)


def test_real_money_is_staked_first_and_the_win_is_shared() -> None:
    books = Books(real=30)
    books.award(bonus(1_000))
    assert books.bet(SLOT, 100) == (30, 70)
    assert books.balance == {"real": 0, "bonus": 930, "bonus_usable": 930, "withdrawable": 0}
    assert books.win(99) == 99
    assert (books.real, books.balance["bonus"]) == (30, 999)


def test_a_bet_counts_as_far_as_its_game_does_and_not_below_the_smallest_bet() -> None:
    books = Books(real=1_000)
    books.award(bonus(100, bet_min=20))
    for game, stake, remaining in ((SLOT, 100, 900), (TABLE, 100, 890), (SLOT, 10, 890)):
        books.bet(game, stake)
        books.win(0)
        assert books.grants == [(100, remaining)]


def test_a_wagered_bonus_becomes_real_money_up_to_the_cashout() -> None:
    books = Books(real=1_000)
    books.award(bonus(100, times=1, cashout_max=60))
    books.bet(SLOT, 100)
    assert books.grants == [(100, 0)], "it ends with the round, not before"
    books.win(0)
    assert (books.real, books.grants) == (960, [])


def test_only_the_first_bonus_of_the_queue_can_be_staked() -> None:
    books = Books()
    books.award(bonus(100))
    books.award(bonus(500))
    assert (books.stakeable, books.balance["bonus"], books.balance["bonus_usable"]) == (100, 600, 100)
    books.bet(SLOT, 100)
    books.win(0)
    assert (books.stakeable, books.grants) == (500, [(500, 5_000)]), "the first one was played down to nothing"


def test_winnings_of_free_spins_wait_for_the_last_spin() -> None:
    books = Books()
    books.award(spins(count=2, times=1))
    assert spin(books, 30) == 30
    books.real = 30
    books.bet(SLOT, 30)
    books.win(0)
    assert books.grants == [(30, 0)], "another spin may still add to it"
    spin(books, 0)
    assert (books.real, books.grants, books.spins) == (30, [], 0)


def test_free_spins_pay_up_to_their_limit_and_real_money_if_nothing_is_to_be_wagered() -> None:
    books = Books()
    books.award(spins(count=3, times=0, win_max=50))
    assert [spin(books, 40), spin(books, 40), spin(books, 40)] == [40, 10, 0]
    assert (books.real, books.grants) == (50, [])


def test_the_package_that_expires_first_is_used_first() -> None:
    books = Books()
    books.award(spins(count=1, times=5, days=7))
    books.award(spins(count=1, times=0, days=1))
    spin(books, 20)
    assert (books.real, books.spins) == (20, 1), "the one of one day pays real money"
    assert books.usable(TABLE, 10) is None
    assert books.usable(SLOT, 20) is None


def test_a_copy_stays_as_it_was() -> None:
    books = Books(real=100)
    books.award(spins(count=1, times=10))
    before = books.copy()
    spin(books, 500)
    assert books != before
    assert (before.balance["bonus"], before.spins) == (0, 1)
    assert isinstance(before.usable(SLOT, 10), Package)


def test_rolled_back_winnings_keep_their_place_and_all_else_is_as_before() -> None:
    books = Books(real=70)
    books.award(bonus(100))
    books.award(spins(count=2, times=10))
    before = books.copy()
    spin(books, 50)
    books = books.rolled_back(before)
    books.award(bonus(200))
    assert [bucket.balance for bucket in books.buckets] == [100, 0, 200]
    assert (books.real, books.spins) == (70, 2)
    spin(books, 30)
    assert [bucket.balance for bucket in books.buckets] == [100, 30, 200]
