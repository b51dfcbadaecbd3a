"""Rules §3, idempotency: the first answer again, and nothing twice."""

from engine.commands import CancelRound, Deposit, GrantCampaign, Result, Rollback, Spin
from engine.state.window import HOUR_MS, REMEMBERED_MAX, id_digest
from tests.support.playing import Table


def play_on(table: Table, count: int) -> None:
    for _ in range(count):
        table.do(Deposit(1))


def test_same_content_gets_the_first_answer() -> None:
    table = Table(real=1_000)
    first = table.spin(100, 50, key="gs:a")
    table.spin(100, 0)
    assert table.again(Spin("book", "real", 100, 50), "gs:a") == first
    assert table.money() == (850, 0)


def test_other_content_is_a_conflict() -> None:
    table = Table(real=1_000)
    table.spin(100, 50, key="gs:a")
    assert table.refused(Spin("book", "real", 100, 51), "gs:a").code == "idempotency_conflict"
    assert table.refused(Deposit(100), "gs:a").code == "idempotency_conflict"
    table.spin(100, 51, key="pms:a")


def test_a_refused_command_may_be_tried_again() -> None:
    table = Table()
    assert table.refused(Spin("book", "real", 100), "gs:a").code == "insufficient_funds"
    table.do(Deposit(100))
    table.do(Spin("book", "real", 100), "gs:a")


def test_beyond_the_window_an_id_moves_nothing() -> None:
    table = Table(real=1_000)
    table.spin(100, 500, key="gs:a")
    play_on(table, REMEMBERED_MAX - 1)
    table.again(Spin("book", "real", 100, 500), "gs:a")
    play_on(table, 1)
    for body in (Spin("book", "real", 100, 500), Deposit(7)):
        assert table.refused(body, "gs:a").code == "already_processed"


def test_an_id_is_never_forgotten_while_its_round_is_open() -> None:
    table = Table(real=1_000)
    session = table.do(Spin("book", "real", 100), "gs:a").session_id
    play_on(table, REMEMBERED_MAX)
    table.now += 48 * HOUR_MS
    play_on(table, 2 * REMEMBERED_MAX)
    assert id_digest("gs:a") not in table.player.window.older
    assert table.refused(Spin("book", "real", 100), "gs:a").code == "already_processed"
    table.do(Result(session, 0))
    table.spin(100, 0, key="gs:a")


def test_refusals_by_id_come_before_all_others() -> None:
    table = Table(real=1_000)
    table.spin(100, 50, key="gs:a")
    table.do(Rollback("gs:late"))
    table.state.blocked = "b"
    table.again(Spin("book", "real", 100, 50), "gs:a")
    assert table.refused(Spin("nope", "real", 100), "gs:a").code == "idempotency_conflict"
    assert table.refused(Spin("nope", "real", 100), "gs:late").code == "rolled_back"
    assert table.refused(GrantCampaign("nope", "r"), "gs:late").code == "player_blocked"


def test_a_repeat_of_a_cancelled_bet_gets_its_first_answer() -> None:
    table = Table(real=1_000)
    first = table.do(Spin("book", "real", 100), "gs:a")
    table.do(CancelRound(first.session_id), "gs:c")
    assert table.again(Spin("book", "real", 100), "gs:a") == first
    assert table.again(CancelRound(first.session_id), "gs:c").state == "cancelled"
    assert table.money() == (1_000, 0)


def test_nor_is_the_id_of_a_result_that_left_its_round_open() -> None:
    table = Table(real=1_000)
    session = table.do(Spin("book", "real", 100)).session_id
    table.do(Result(session, 30, final=False), "gs:win")
    play_on(table, REMEMBERED_MAX)
    table.now += 48 * HOUR_MS
    play_on(table, 2 * REMEMBERED_MAX)
    before = table.money()
    assert id_digest("gs:win") not in table.player.window.older
    assert table.refused(Result(session, 30, final=False), "gs:win").code == "already_processed"
    assert table.money() == before
