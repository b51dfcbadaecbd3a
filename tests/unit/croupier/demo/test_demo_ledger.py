"""The demo's own books, with worked numbers: they must be right before they can judge the engine."""

import pytest

from croupier.demo.ledger import Account, Bucket


def welcomed(deposit: int = 1_000) -> Account:
    account = Account()
    account.deposit(deposit)
    return account


@pytest.mark.parametrize(
    ("deposit", "bonus", "to_wager"), [(1_000, 1_000, 35_000), (10_000, 10_000, 350_000), (60_000, 10_000, 350_000)]
)
def test_the_first_deposit_is_doubled_up_to_100(deposit: int, bonus: int, to_wager: int) -> None:
    account = welcomed(deposit)
    assert (account.real, account.bonus, account.spins) == (deposit, bonus, 20)
    assert account.buckets == [Bucket(bonus, to_wager)]
    account.deposit(500)
    assert (account.real, account.bonus, account.spins) == (deposit + 500, bonus, 20)


def test_a_first_deposit_below_10_brings_nothing_and_the_chance_is_gone() -> None:
    account = welcomed(999)
    account.deposit(5_000)
    assert (account.real, account.bonus, account.spins) == (5_999, 0, 0)


def test_real_money_goes_first_and_a_win_goes_back_in_proportion() -> None:
    account = welcomed()
    account.real = 150
    assert account.bet("book-of-dunes", 200) == (150, 50)
    assert (account.real, account.bonus) == (0, 950)
    assert account.win(333) == 333  # floor(333 × 50 / 200) = 83 to the bonus, 250 to real money
    assert (account.real, account.bonus) == (250, 950 + 83)


@pytest.mark.parametrize(
    ("game", "counted"), [("book-of-dunes", 200), ("nine-lanterns", 100), ("european-roulette", 20)]
)
def test_games_count_differently(game: str, counted: int) -> None:
    account = welcomed()
    account.bet(game, 200)
    assert account.buckets[0].to_wager == 35_000 - counted


def test_a_further_bet_adds_to_the_round() -> None:
    account = welcomed()
    account.real = 300
    account.bet("book-of-dunes", 200)
    assert account.bet("book-of-dunes", 200) == (300, 100)
    account.win(400)
    assert (account.real, account.bonus) == (300, 900 + 100)


def test_wagered_money_becomes_real_after_the_round() -> None:
    account = Account(real=500, buckets=[Bucket(700, 100), Bucket(40, 800)])
    account.bet("book-of-dunes", 100)
    assert account.bonus == 740
    account.win(0)
    assert (account.real, account.buckets) == (400 + 700, [Bucket(40, 800)])


def test_at_most_500_of_a_bonus_is_cashed_out() -> None:
    account = Account(real=100, buckets=[Bucket(60_000, 100)])
    account.bet("book-of-dunes", 100)
    account.win(0)
    assert (account.real, account.buckets) == (50_000, [])


def test_a_bonus_played_down_to_nothing_is_gone_unless_the_round_wins_it_back() -> None:
    account = Account(real=0, buckets=[Bucket(100, 9_000)])
    account.bet("book-of-dunes", 100)
    again = account.copy()
    account.win(0)
    assert (account.real, account.buckets) == (0, [])
    again.win(30)
    assert again.buckets == [Bucket(30, 8_900)]


def test_free_spins_win_bonus_money_of_their_own_up_to_50() -> None:
    account = welcomed()
    account.free_spin()
    assert (account.win(250), account.real, account.bonus, account.spins) == (250, 1_000, 1_250, 19)
    assert account.buckets[1] == Bucket(250, 5_000, of_spins=True)
    account.free_spin()
    assert account.win(9_999) == 4_750
    account.free_spin()
    assert account.win(10) == 0


def test_free_spin_winnings_wait_for_the_last_free_spin() -> None:
    account = Account(real=0, spins=1, buckets=[Bucket(40, 0, of_spins=True)])
    account.bet("book-of-dunes", 40)
    account.win(0)
    assert account.buckets == [Bucket(0, 0, of_spins=True)]
    account.free_spin()
    account.win(0)
    assert (account.real, account.buckets) == (0, [])
