"""Rules §3 and §10: ids age by real time, not by the sandbox clock; and replay knows it."""

from engine.commands import Command, CommandBody, Deposit, Rollback, Spin
from engine.rejections import Rejection
from engine.state.window import HOUR_MS, REMEMBERED_MAX, id_digest
from tests.support.playing import DAY_MS, START_MS, Table


class Sandbox:
    """A table whose clock can be advanced while real time stands still."""

    def __init__(self) -> None:
        self.table = Table(real=1_000)
        self.real_ms = START_MS
        self.ahead_ms = 0
        self.keys = 0

    def run(self, body: CommandBody, key: str | None = None) -> object:
        self.keys += 1
        command = Command(key or f"pms:{self.keys}", self.real_ms + self.ahead_ms, body, real_ms=self.real_ms)
        return self.table.run_command(command)

    def busy(self) -> None:
        for _ in range(REMEMBERED_MAX):
            self.run(Deposit(1))


def test_a_month_in_the_sandbox_forgets_no_id() -> None:
    sandbox = Sandbox()
    sandbox.run(Spin("book", "real", 100, 0), "gs:a")
    sandbox.busy()
    sandbox.ahead_ms = 30 * DAY_MS
    sandbox.busy()
    again = sandbox.run(Spin("book", "real", 100, 0), "gs:a")
    assert isinstance(again, Rejection)
    assert again.code == "already_processed"


def test_nor_a_tombstone() -> None:
    sandbox = Sandbox()
    sandbox.run(Rollback("gs:late"))
    sandbox.ahead_ms = 30 * DAY_MS
    sandbox.run(Rollback("gs:other"))
    late = sandbox.run(Spin("book", "real", 100, 0), "gs:late")
    assert isinstance(late, Rejection)
    assert late.code == "rolled_back"


def test_real_hours_do() -> None:
    sandbox = Sandbox()
    sandbox.run(Spin("book", "real", 100, 0), "gs:a")
    sandbox.busy()
    sandbox.real_ms += 26 * HOUR_MS
    sandbox.busy()
    assert id_digest("gs:a") not in sandbox.table.player.window.older


def test_what_the_journal_keeps() -> None:
    sandbox = Sandbox()
    sandbox.ahead_ms = DAY_MS
    sandbox.run(Deposit(1))
    [*_, kept] = sandbox.table.transitions
    assert (kept.time_ms, kept.real_ms) == (START_MS + DAY_MS, START_MS)
    sandbox.table.now += DAY_MS
    sandbox.table.do(Deposit(1))
    assert sandbox.table.transitions[-1].real_ms == 0
