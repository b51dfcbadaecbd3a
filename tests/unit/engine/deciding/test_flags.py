"""Rules §3: what could not be moved is flagged for an operator, who clears it."""

from engine.commands import Block, ClearFlag, FlagForOperator
from engine.queries import GetPlayer
from tests.support.playing import Table


def flagged() -> tuple[Table, str]:
    table = Table(real=100)
    table.do(FlagForOperator("gs:r", "win_already_spent", "p1-3", 500, "gs:a"))
    table.do(FlagForOperator("gs:s", "already_processed", "", 0, "gs:b"))
    return table, table.state.flagged[0].flag_id


def test_an_operator_clears_one_with_a_reason() -> None:
    table, flag_id = flagged()
    answer = table.do(ClearFlag(flag_id, "taken from the provider's invoice"), "support:1")
    assert (answer.code, answer.session_id, answer.amount) == ("win_already_spent", "p1-3", 500)
    assert answer.reason == "taken from the provider's invoice"
    assert [(left.code, left.transaction_id) for left in table.ask(GetPlayer()).flagged] == [
        ("already_processed", "gs:b")
    ]
    assert table.money() == (100, 0)
    assert table.again(ClearFlag(flag_id, "taken from the provider's invoice"), "support:1") == answer


def test_once() -> None:
    table, flag_id = flagged()
    table.do(ClearFlag(flag_id, "done"))
    for unknown in (flag_id, "f0123456789abcdef"):
        assert table.refused(ClearFlag(unknown, "again")).code == "flag_not_found"


def test_blocked_players_too() -> None:
    table, flag_id = flagged()
    table.do(Block("fraud"))
    assert table.do(ClearFlag(flag_id, "done")).flag_id == flag_id
