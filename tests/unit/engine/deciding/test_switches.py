"""Kill-switches (rules §3): what each refuses, and that what has begun goes on."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.catalog import Campaign, Catalog, TriggerCondition
from engine.commands import (
    BETS,
    AddBet,
    ApproveGrant,
    Block,
    CancelGrant,
    CancelRound,
    ClaimGrant,
    Command,
    ConfirmRedemption,
    Deposit,
    EnterCode,
    GrantCampaign,
    Inactive,
    PayCashback,
    PostEvent,
    Register,
    ReportBet,
    RequestRedemption,
    Result,
    Rollback,
    Spin,
    StartSession,
    Withdraw,
)
from engine.deciding.declaring import DECLARED
from engine.due import next_due
from engine.facts import Facts
from engine.switches import Switch, SwitchedOff, Switches
from engine.transition import Transition
from tests.support.ladder import EUR, POINT, at, promotion, vip_house
from tests.support.playing import Table, campaign, catalog_with, match, spins, wager
from tests.unit.engine.loyalty.cashback_table import NEXT_MONDAY, at_level, lose, paid
from tests.unit.engine.test_exhaustive import COMMANDS, sample

ALL = SwitchedOff(everything=True)
ME = SwitchedOff(players=frozenset({"p1"}))
BOOK = SwitchedOff(games=frozenset({"book"}))
GIFT = SwitchedOff(campaigns=frozenset({"gift"}))
OTHERS = SwitchedOff(games=frozenset({"dice"}), campaigns=frozenset({"other"}), players=frozenset({"p2"}))


class SwitchedTable(Table):
    """`off` holds for every command from then on."""

    off: SwitchedOff | None = None

    def decide(self, command: Command) -> Any:
        return super().decide(replace(command, facts=Facts(off=self.off)))

    def code(self, body: Any) -> str:
        """The code of a command that must be refused."""
        return str(self.refused(body).code)


def triggered(event: Any, **condition: Any) -> Campaign:
    return campaign("gift", 500, trigger=event, condition=TriggerCondition(**condition), wager=wager(10))


def gift(**fields: Any) -> Catalog:
    return catalog_with(campaign("gift", 500, wager=wager(10), **fields))


NEW = [
    Spin("book", "real", 10, 0),
    Spin("dice", "real", 10),
    ReportBet(100, "live"),
    Deposit(100),
    PostEvent("quiz_won"),
    EnterCode("SPRING"),
    GrantCampaign("gift", "r"),
    ClaimGrant("g3-1"),
    ApproveGrant("g3-1", "r"),
    RequestRedemption(1_000),
    ConfirmRedemption("r1"),
]


@pytest.mark.parametrize("body", NEW)
@pytest.mark.parametrize(("off", "code"), [(ALL, "gaming_disabled"), (ME, "player_blocked")])
def test_nothing_new_begins_for_whom_all_is_off(off: SwitchedOff, code: str, body: Any) -> None:
    table = SwitchedTable(gift(), 1_000)
    table.off = off
    refused = table.refused(body)
    assert (refused.code, refused.fields.get("switched_off", False)) == (code, code == "player_blocked")
    table.off = OTHERS
    assert getattr(table.run(body), "code", "") not in (code, "game_blocked" if "dice" not in str(body) else "")


@pytest.mark.parametrize("off", [ALL, ME, BOOK])
def test_open_rounds_are_settled_cancelled_and_rolled_back(off: SwitchedOff) -> None:
    table = SwitchedTable(real=1_000)
    rounds = [table.spin(10, game_id="book", key="gs:a").session_id]
    table.off = off
    assert table.code(AddBet(rounds[0], 5)) in ("gaming_disabled", "player_blocked", "game_blocked")
    assert table.do(Result(rounds[0], 70)).state == "closed"
    table.off = None
    session = table.spin(20, game_id="book", key="gs:b").session_id
    table.off = off
    assert table.do(CancelRound(session)).state == "cancelled"
    table.off = None
    table.spin(30, 5, key="gs:c")
    table.off = off
    table.do(Rollback("gs:c"))
    assert table.state.real == 1_060


@pytest.mark.parametrize("off", [ALL, ME])
def test_money_can_leave_and_a_session_can_open_but_triggers_nothing(off: SwitchedOff) -> None:
    table = SwitchedTable(catalog_with(triggered("session_start")), 1_000)
    table.off = off
    assert table.do(StartSession("1.2.3.4")).granted == ()
    assert table.do(Withdraw(400)).amount == 400
    table.off = None
    assert [award.campaign_id for award in table.do(StartSession("1.2.3.4")).granted] == ["gift"]


def test_a_game_that_is_off_takes_no_bets_and_others_do() -> None:
    table = SwitchedTable(catalog_with(campaign("gift", free_spins=spins(2))), 1_000)
    table.grant()
    table.off = BOOK
    assert table.code(Spin("book", "real", 10, 0)) == "game_blocked"
    assert table.code(Spin("book", "freespin", None, 0)) == "game_blocked"
    table.spin(10, 0, game_id="dice")
    assert [package.remaining for package in table.state.packages] == [2]
    table.off = None
    table.free_spin(0)
    assert [package.remaining for package in table.state.packages] == [1]


def test_a_campaign_that_is_off_grants_nothing_by_hand_code_claim_or_approval() -> None:
    table = SwitchedTable(gift(), 1_000)
    table.off = GIFT
    assert table.code(GrantCampaign("gift", "r")) == "campaign_blocked"
    coded = SwitchedTable(catalog_with(triggered("code", code="SPRING")), 1_000)
    coded.off = GIFT
    assert coded.code(EnterCode("spring")) == "campaign_blocked"
    coded.off = OTHERS
    assert [award.campaign_id for award in coded.do(EnterCode("spring")).granted] == ["gift"]


def test_an_offer_that_waits_can_be_given_up_but_not_claimed() -> None:
    table = SwitchedTable(gift(opt_in=True), 1_000)
    offer = table.grant()
    table.off = GIFT
    assert table.code(ClaimGrant(offer.grant_id)) == "campaign_blocked"
    assert table.code(ApproveGrant(offer.grant_id, "r")) == "campaign_blocked"
    table.do(CancelGrant(offer.grant_id))
    assert table.code(ClaimGrant(offer.grant_id)) == "invalid_state"


def test_triggers_of_a_campaign_that_is_off_give_nothing_and_others_do() -> None:
    welcome = match(100, campaign_id="welcome", wager=wager(10))
    table = SwitchedTable(catalog_with(welcome, triggered("deposit")))
    table.off = GIFT
    assert [award.campaign_id for award in table.do(Deposit(1_000)).granted] == ["welcome"]
    table.off = None
    assert [award.campaign_id for award in table.do(Deposit(1_000)).granted] == ["gift"]


def test_what_was_granted_goes_on_although_its_campaign_is_off() -> None:
    table = SwitchedTable(catalog_with(campaign("gift", 100, wager=wager(1, valid_days=1))), 1_000)
    table.grant()
    table.grant()
    table.off = GIFT
    table.spin(100, 0)
    assert [grant.state for grant in table.state.grants] == ["in_wager"]
    assert table.events[-2:] == ["BonusRedeemed", "GrantActivated"]
    table.pass_days(2)
    assert table.state.grants == []


@pytest.mark.parametrize("off", [ALL, ME, GIFT])
def test_turnover_that_a_settled_round_reaches_gives_nothing_while_off(off: SwitchedOff) -> None:
    table = SwitchedTable(catalog_with(triggered("turnover_reached", eur_micro=1_000_000)), 1_000)
    session = table.spin(100).session_id
    table.off = off
    table.do(Result(session, 0))
    assert table.state.grants == []


def test_a_promotion_that_is_off_multiplies_no_points() -> None:
    table = SwitchedTable(vip_house(promotion("double", "2")), 10_000)
    table.spin(100, 0)
    table.off = SwitchedOff(campaigns=frozenset({"double"}))
    before = table.state.loyalty.available
    table.spin(100, 0)
    assert (before, table.state.loyalty.available - before) == (2 * POINT, POINT)


@pytest.mark.parametrize("off", [ALL, ME, GIFT])
def test_silence_is_noticed_gives_nothing_and_holds_up_no_other_work(off: SwitchedOff) -> None:
    """A refused `inactive` would hide the expiry that is due behind it."""
    silent = triggered("inactive", days=3)
    table = SwitchedTable(catalog_with(silent, campaign("lent", 100, wager=wager(10, valid_days=5))), 1_000)
    table.grant("lent")
    table.off = off
    due = next_due(table.state, catalog=table.catalog)
    assert due is not None and type(due.body) is Inactive
    table.pass_days(6)
    assert (table.state.grants, table.state.awarded.get("gift", 0)) == ([], 0)


@pytest.mark.parametrize("off", [ALL, ME, SwitchedOff(campaigns=frozenset({"cashback"}))])
def test_cashback_that_is_owed_is_paid(off: SwitchedOff) -> None:
    table = at_level("gold")
    lose(table, 1_000 * EUR)
    table.now = at(NEXT_MONDAY)
    due = next_due(table.state, catalog=table.catalog)
    assert due is not None and type(due.body) is PayCashback
    table.run_command(replace(due, facts=Facts(off=off)))
    assert paid(table) == [2_000]


def test_the_block_comes_first_and_a_repeat_before_it() -> None:
    table = SwitchedTable(real=1_000)
    table.spin(10, 0, key="gs:first")
    table.off = SwitchedOff(True, frozenset({"book", "none"}), frozenset(), frozenset({"p1"}))
    assert table.again(Spin("book", "real", 10, 0), "gs:first").state == "closed"
    table.do(Block("fraud"))
    assert "switched_off" not in table.refused(Spin("book", "real", 10, 0)).fields


def test_a_game_that_is_off_is_refused_before_anyone_looks_whether_there_is_one() -> None:
    table = SwitchedTable(real=1_000)
    table.off = SwitchedOff(games=frozenset({"gone"}))
    assert table.code(Spin("gone", "real", 10, 0)) == "game_blocked"
    assert table.code(Spin("nope", "real", 10, 0)) == "unknown_game"


def test_registering_works_while_everything_is_off() -> None:
    table = SwitchedTable()
    table.off = ALL
    assert isinstance(table.run(Register("EUR", "SE")), Transition)


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_command_is_stopped_by_the_switches_for_what_it_begins_and_by_no_other(kind: type) -> None:
    """A new command that bets, or asks for an award by name, has to be added to `engine.deciding.switches`."""
    table = SwitchedTable(gift(opt_in=True), 1_000)
    offer = table.grant("gift").grant_id
    session = table.spin(10).session_id
    names = {"game_id": "book", "session_id": session, "campaign_id": "gift", "grant_id": offer}
    body = sample(kind)
    body = replace(body, **{name: value for name, value in names.items() if hasattr(body, name)})
    found = {"a blocked player": set[str](), "a game": set[str](), "a campaign": set[str]()}
    for what, off in (("a blocked player", ALL), ("a game", BOOK), ("a campaign", GIFT)):
        table.off = off
        code = getattr(table.run(body), "code", "")
        found[what] = {code} & {"gaming_disabled", "game_blocked", "campaign_blocked"}
    may_begin = DECLARED[kind].while_blocked or kind is Inactive
    asks_by_name = bool({"campaign_id", "grant_id"} & set(kind.__struct_fields__)) and not may_begin
    assert found == {
        "a blocked player": set() if may_begin else {"gaming_disabled"},
        "a game": {"game_blocked"} if kind in BETS and kind is not ReportBet else set(),
        "a campaign": {"campaign_blocked"} if asks_by_name else set(),
    }


# --- the switches themselves


def test_switches_go_off_once_and_on_again() -> None:
    first = Switches().with_off(Switch("game", "book", 1_000, "ann", "crash"))
    again = first.with_off(Switch("game", "book", 2_000, "bob", "me too"))
    assert again is first
    both = first.with_off(Switch("all", "", 3_000, "bob"))
    assert (both.number, both.in_short()) == (2, SwitchedOff(everything=True, games=frozenset({"book"})))
    assert both.with_on("player", "book") is both
    none = both.with_on("game", "book").with_on("all", "")
    assert (none.number, none.in_short()) == (4, None)
    assert none.with_on("all", "") is none
