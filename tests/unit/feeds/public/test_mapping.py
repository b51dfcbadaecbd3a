"""From the journal's events to public ones."""

from typing import get_args

import msgspec

from engine import events as e
from engine.answers import BlockAnswer
from feeds.public.catalogue import FAMILIES
from feeds.public.event import instant
from feeds.public.mapping import NOT_TOLD, PLACES_PER_EVENT, public_events
from tests.support.played_journal import spin, transition
from tests.unit.feeds.public.golden import as_json
from tests.unit.feeds.public.samples import TRANSITIONS, of_round

PERSONAL = (b"203.0.113.9", b"device-1", b"card-1", b"friend of the house", b"her mother")


def test_every_event_of_the_journal_is_told_or_left_out_on_purpose() -> None:
    told = {type(event) for sample in TRANSITIONS for event in sample.events if public_events(sample)}
    assert told | NOT_TOLD == set(get_args(e.AnyEvent))
    assert not told & NOT_TOLD


def test_every_public_event_is_made_of_something() -> None:
    assert {event.type for sample in TRANSITIONS for event in public_events(sample)} == set(FAMILIES)


def test_a_spin_is_a_bet_its_points_and_a_win() -> None:
    bet, points, win = public_events(spin("anna", 3))
    assert [(event.type, event.n) for event in (bet, points, win)] == [
        ("BetPlaced", 0),
        ("PointsAccrued", 1),
        ("WinCredited", PLACES_PER_EVENT),
    ]
    assert (bet.id, bet.sequence, bet.ce_type) == ("anna-3-0", "3.0", "com.croupier.BetPlaced.v1")


def test_places_stay_when_an_event_before_is_not_told() -> None:
    events = (e.BetTombstoned("game-server:9"), e.PlayerBlocked("fraud"))
    (blocked,) = public_events(transition("anna", 4, events))
    assert blocked.id == f"anna-4-{PLACES_PER_EVENT}"


def test_a_transition_of_no_concern_outside_is_not_told() -> None:
    assert public_events(transition("anna", 4, [e.CustomEventPosted("visited")])) == []


def test_personal_fields_and_remarks_stay_inside() -> None:
    told = msgspec.json.encode([event.data for sample in TRANSITIONS for event in public_events(sample)])
    inside = msgspec.json.encode([sample.events for sample in TRANSITIONS])
    assert all(word in inside for word in PERSONAL)
    assert not [word for word in PERSONAL if word in told]


def test_a_win_names_the_game_of_its_own_round_only() -> None:
    win = e.WinCredited("s-7", 5, 5, 0, None, 0, True)
    (ours,) = public_events(transition("anna", 2, [win], of_round()))
    (other,) = public_events(transition("anna", 2, [win], of_round(session_id="s-6")))
    (unknown,) = public_events(transition("anna", 2, [win]))
    games = [as_json(event.data).get("game_id") for event in (ours, other, unknown)]
    assert games == ["book", None, None]


def test_what_is_unknown_is_left_out() -> None:
    (win,) = public_events(transition("anna", 2, [e.WinCredited("s-7", 5, 5, 0, None, 0, True)]))
    assert set(as_json(win.data)) == {
        "player_id", "command_id", "session_id", "reported", "real", "bonus", "closes_round",
    }  # fmt: skip


def test_answers_without_a_currency_are_taken() -> None:
    answer = msgspec.msgpack.encode(BlockAnswer(True, "fraud"))
    (blocked,) = public_events(transition("anna", 2, [e.PlayerBlocked("fraud")], answer))
    assert blocked.type == "PlayerBlocked"


def test_an_undone_bet_gives_its_points_back() -> None:
    undone = [event for sample in TRANSITIONS for event in public_events(sample) if event.type == "PointsReversed"]
    assert [as_json(event.data)["points_micro"] for event in undone] == [-2_500_000, -5_000_000]


def test_instants_are_in_rfc_3339() -> None:
    assert [instant(time_ms) for time_ms in (0, 1_772_366_400_007)] == [
        "1970-01-01T00:00:00.000Z",
        "2026-03-01T12:00:00.007Z",
    ]
