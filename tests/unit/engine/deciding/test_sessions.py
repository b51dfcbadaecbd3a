"""Rules §3, §6, §7: sessions and custom events, apart from what they trigger; and when a player was last active."""

import pytest
from msgspec.structs import replace

from engine.catalog import FraudRules
from engine.commands import (
    Block,
    Command,
    CommandBody,
    Deposit,
    PostEvent,
    Register,
    ReportBet,
    Result,
    Spin,
    StartSession,
)
from engine.events import SessionStarted
from engine.facts import Facts
from engine.rejections import Rejection
from tests.support.playing import START_MS, Table, catalog_with


def test_a_session_resumes_open_rounds_newest_first() -> None:
    table = Table(real=1_000)
    older = table.spin(100).session_id
    newer = table.spin(50, game_id="dice").session_id
    answer = table.do(StartSession("1.2.3.4", "phone", "FI"))
    assert [(shown.session_id, shown.bet_amount) for shown in answer.open_rounds] == [(newer, 50), (older, 100)]
    assert (answer.granted, answer.declined) == ((), ())
    assert table.transitions[-1].events == (SessionStarted("1.2.3.4", "phone", "FI"),)


def test_its_answer_stays_small() -> None:
    table = Table(real=10_000)
    games = {f"g{number}": replace(table.catalog.games["book"], game_id=f"g{number}") for number in range(20)}
    table.catalog = replace(table.catalog, games=games)
    for game_id in games:
        table.spin(10, game_id=game_id)
    assert [shown.game_id for shown in table.do(StartSession()).open_rounds] == [f"g{n}" for n in range(19, 3, -1)]


@pytest.mark.parametrize(
    ("claimed", "by_ip", "code"),
    [("KP", None, "geo_blocked"), ("FI", "KP", "geo_blocked"), (None, "KP", "geo_blocked"), ("FI", "SE", None)],
)
def test_no_sessions_from_denied_countries(claimed: str | None, by_ip: str | None, code: str | None) -> None:
    table = Table(replace(catalog_with(), fraud=FraudRules(denied_countries=("KP",))))
    command = Command("pms:s", START_MS, StartSession("1.2.3.4", None, claimed), Facts(ip_country=by_ip))
    outcome = table.run_command(command)
    assert (outcome.code if isinstance(outcome, Rejection) else None) == code


def test_the_country_of_the_ip_is_on_record() -> None:
    table = Table()
    table.run_command(Command("pms:s", START_MS, StartSession("1.2.3.4"), Facts(ip_country="SE")))
    assert table.transitions[-1].events == (SessionStarted("1.2.3.4", None, None, "SE"),)


def test_a_blocked_player_may_open_a_session_but_triggers_nothing() -> None:
    table = Table(real=1_000)
    session = table.spin(100).session_id
    table.do(Block("because"))
    assert table.do(StartSession()).open_rounds[0].session_id == session
    assert table.refused(PostEvent("quiz_won")).code == "player_blocked"


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_an_event_has_a_name(name: str) -> None:
    table = Table(real=1_000)
    assert table.refused(PostEvent(name)).code == "invalid_request"
    answer = table.do(PostEvent("quiz_won"))
    assert (answer.balance.real, answer.granted, table.events) == (1_000, (), ["CustomEventPosted"])


def test_an_event_s_payload_is_bounded_in_bytes() -> None:
    table = Table(real=1_000)
    assert table.refused(PostEvent("quiz_won", "ä" * 2_049)).code == "invalid_request"
    table.do(PostEvent("quiz_won", "ä" * 2_048))


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        (Deposit(100), True),
        (StartSession(), True),
        (Spin("dice", "real", 10, 5), True),
        (ReportBet(10, "live"), True),
        (PostEvent("quiz_won"), False),
        (Register("EUR", "SE"), False),
        (Result("p1-3", 0), False),
    ],
)
def test_silence_counts_from_the_last_bet_session_or_deposit(body: CommandBody, counts: bool) -> None:
    table = Table(real=1_000)
    table.spin(100)
    assert table.state.active_ms == START_MS
    table.now += 1_000
    table.do(body)
    assert table.state.active_ms == START_MS + 1_000 * counts


def test_or_from_registration() -> None:
    assert Table().state.active_ms == START_MS
