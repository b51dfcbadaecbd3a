"""Rule 11: budgets and counts shared by all players are reserved, exactly, whoever asks and whoever dies."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from engine.catalog import PeriodLimit
from engine.facts import Reservation, Signals, WantedAward
from snapshots.contract import DAY_MS, HeldReservation, Incarnation, Owner, Store
from snapshots.errors import Fenced
from tests.contract.backends import Backend

NOW_MS = 1_800_000_000_000
EUR = 1_000_000
HOME = Signals(ip="203.0.113.7", device="phone")
INC = Incarnation("s0", 1, "n", "s0-1")
"""Who asks: the first claim of an empty store."""
OWNER = Owner("host-1", 1, 1)


@pytest.fixture(autouse=True)
async def claimed(store: Store) -> None:
    assert (await store.claim("s0", OWNER, "n")).incarnation == INC


def award(reservation_id: str = "r1", campaign_id: str = "welcome", **limits: int | None) -> WantedAward:
    """10 EUR of bonus money and free spins worth 2; not limited unless told."""
    plain = WantedAward(campaign_id, reservation_id, 12 * EUR, 10 * EUR, None, None, None)
    return replace(plain, **limits)


async def reserve(
    store: Store,
    *wanted: WantedAward,
    signals: Signals = HOME,
    per_ip: PeriodLimit | None = None,
    now_ms: int = NOW_MS,
    player_id: str = "alice",
) -> list[tuple[str, ...]]:
    """The refusals of each award."""
    answers = await store.reserve(INC, player_id, "command-1", signals, wanted, per_ip, now_ms)
    assert [(answer.campaign_id, answer.reservation_id) for answer in answers] == [
        (want.campaign_id, want.reservation_id) for want in wanted
    ]
    return [answer.refusals for answer in answers]


async def used(store: Store, campaign_id: str = "welcome") -> int:
    return (await store.usage([campaign_id]))[campaign_id]


async def held(store: Store) -> list[str]:
    return [held.reservation_id for held in await store.held_reservations(10**15, 100)]


async def test_an_answer_names_campaign_and_reservation(store: Store) -> None:
    answers = await store.reserve(INC, "alice", "c", HOME, [award("r1"), award("r2", budget_micro_eur=1)], None, NOW_MS)
    assert list(answers) == [
        Reservation("welcome", "r1"),
        Reservation("welcome", "r2", ("budget_exhausted",)),
    ]
    assert list(await store.reserve(INC, "alice", "c", HOME, [], None, NOW_MS)) == []


async def test_a_budget_is_used_up_to_its_last_micro_euro(store: Store) -> None:
    """Budget 30 EUR, awards of 12: two fit, the third would pass it; one of exactly the 6 left fits."""
    budget = 30 * EUR
    for number, refusals in enumerate([(), (), ("budget_exhausted",)]):
        assert await reserve(store, award(f"r{number}", budget_micro_eur=budget)) == [refusals]
    assert await used(store) == 24 * EUR
    over = award("r4", budget_micro_eur=budget, value_micro_eur=6 * EUR + 1)
    assert await reserve(store, over) == [("budget_exhausted",)]
    assert await reserve(store, replace(over, value_micro_eur=6 * EUR)) == [()]
    assert (await used(store), await used(store, "other")) == (budget, 0)


async def test_a_campaign_without_budget_still_says_what_it_used(store: Store) -> None:
    await reserve(store, award("r1"), award("r2", "other"))
    assert await store.usage(["welcome", "nobody"]) == {"welcome": 12 * EUR, "nobody": 0}


@pytest.mark.parametrize("signal", ["ip", "device"])
async def test_grants_per_ip_and_per_device_of_one_campaign(store: Store, signal: str) -> None:
    limit = {f"per_{signal}": 2}
    here, there = Signals(**{signal: "same"}), Signals(**{signal: "another"})
    answers = [
        await reserve(store, award(f"r{number}", **limit), signals=here, player_id=f"p{number}") for number in range(3)
    ]
    assert answers == [[()], [()], [(f"per_{signal}",)]]
    assert await reserve(store, award("r3", **limit), signals=there) == [()]
    assert await reserve(store, award("r4", "other", **limit), signals=here) == [()]
    assert await reserve(store, award("r5", **limit), signals=Signals()) == [()]


async def test_an_ip_and_a_device_of_the_same_name_are_two_things(store: Store) -> None:
    assert await reserve(store, award("r1", per_ip=1, per_device=1), signals=Signals(ip="x")) == [()]
    assert await reserve(store, award("r2", per_ip=1, per_device=1), signals=Signals(device="x")) == [()]


async def test_counts_began_before_there_was_a_limit(store: Store) -> None:
    """A campaign that gets its limit later, by a new catalog, counts what it granted before."""
    await reserve(store, award("r1"))
    later = award("r2", budget_micro_eur=20 * EUR, per_ip=1, per_device=1)
    most = PeriodLimit(7, 15 * EUR)
    assert await reserve(store, later, per_ip=most) == [
        ("budget_exhausted", "per_ip", "per_device", "max_bonus_per_ip")
    ]


async def test_a_refused_award_uses_nothing_of_any_limit(store: Store) -> None:
    await reserve(store, award("r1", per_device=1))
    elsewhere = Signals(ip="198.51.100.1", device="phone")
    assert await reserve(store, award("r2", per_ip=1, per_device=1), signals=elsewhere) == [("per_device",)]
    assert await used(store) == 12 * EUR
    assert await reserve(store, award("r3", per_ip=1), signals=replace(elsewhere, device="tablet")) == [()]
    assert await held(store) == ["r1", "r3"]


async def test_later_awards_of_a_call_see_what_earlier_ones_reserved(store: Store) -> None:
    one, two = award("r1", per_ip=1), award("r2", per_ip=1)
    assert await reserve(store, one, two, award("r3", "other", per_ip=1)) == [(), ("per_ip",), ()]
    most = PeriodLimit(1, 25 * EUR)
    assert await reserve(store, award("r4", "a"), award("r5", "b"), per_ip=most) == [("max_bonus_per_ip",)] * 2


async def test_an_award_of_nothing_passes_no_amount(store: Store) -> None:
    await reserve(store, award("r1"))
    nothing = award("r2", value_micro_eur=0, bonus_micro_eur=0, budget_micro_eur=EUR)
    assert await reserve(store, nothing, per_ip=PeriodLimit(7, EUR)) == [()]


# --- bonus money per IP and period


@pytest.mark.parametrize(
    ("days_later", "bonus_eur", "refused"),
    [(0, 10, False), (0, 11, True), (6, 11, True), (6, 10, False), (7, 20, False), (7, 21, True)],
)
async def test_bonus_money_per_ip_over_seven_days(store: Store, days_later: int, bonus_eur: int, refused: bool) -> None:
    """At most 20 EUR in any 7 UTC days. 10 were given on day 0: 10 are left until day 6; on day 7 all 20 are."""
    most, late_ms = PeriodLimit(7, 20 * EUR), NOW_MS - NOW_MS % DAY_MS + DAY_MS - 1
    assert await reserve(store, award("r1"), per_ip=most, now_ms=late_ms) == [()]
    then_ms = late_ms + 1 + (days_later - 1) * DAY_MS if days_later else late_ms
    again = award("r2", "other", bonus_micro_eur=bonus_eur * EUR)
    expected: tuple[str, ...] = ("max_bonus_per_ip",) if refused else ()
    assert await reserve(store, again, per_ip=most, now_ms=then_ms) == [expected]
    assert await reserve(store, replace(again, reservation_id="r3"), signals=Signals(), per_ip=most) == [()]


async def test_free_spins_are_no_bonus_money(store: Store) -> None:
    """They count for the budget with their face value, not for the bonus money of an IP."""
    spins = award(bonus_micro_eur=0)
    assert await reserve(store, spins, per_ip=PeriodLimit(1, 0)) == [()]
    assert await used(store) == 12 * EUR


async def test_days_nobody_looks_at_any_more_are_forgotten(store: Store) -> None:
    """The longest period is 366 days; a limit given for longer is held over those."""
    forever = PeriodLimit(10_000, 15 * EUR)
    assert await reserve(store, award("r1"), per_ip=forever) == [()]
    assert await reserve(store, award("r2"), per_ip=forever, now_ms=NOW_MS + 365 * DAY_MS) == [("max_bonus_per_ip",)]
    assert await reserve(store, award("r3"), per_ip=forever, now_ms=NOW_MS + 366 * DAY_MS) == [()]
    assert await reserve(store, award("r4"), per_ip=forever, now_ms=NOW_MS + 800 * DAY_MS) == [()]
    await store.resolve_reservations(INC, ["r1"], granted=False)
    assert await reserve(store, award("r5"), per_ip=forever, now_ms=NOW_MS + 800 * DAY_MS) == [("max_bonus_per_ip",)]


# --- the same reservation again, and its fate


@pytest.mark.parametrize("settled", [False, True], ids=["held", "granted"])
async def test_a_repeated_reservation_counts_once(store: Store, settled: bool) -> None:
    """The limits have no room left for it, and it needs none."""
    want = award(budget_micro_eur=12 * EUR, per_ip=1, per_device=1)
    most = PeriodLimit(7, 10 * EUR)
    assert await reserve(store, want, per_ip=most) == [()]
    if settled:
        await store.resolve_reservations(INC, ["r1"], granted=True)
    assert await reserve(store, want, want, per_ip=most) == [(), ()]
    assert await used(store) == 12 * EUR
    assert await held(store) == ([] if settled else ["r1"])
    assert await reserve(store, award("r2", budget_micro_eur=24 * EUR)) == [()]


async def test_a_held_one_is_judged_anew_by_what_is_wanted_now(store: Store) -> None:
    """Held for 12 EUR by a command that was never decided; repeated, it is worth 20 of the 24 there are, then 30."""
    held_before = award("r1", budget_micro_eur=24 * EUR, per_device=1)
    assert await reserve(store, held_before) == [()]
    elsewhere = Signals(device="laptop")
    assert await reserve(store, replace(held_before, value_micro_eur=20 * EUR), signals=elsewhere) == [()]
    assert (await used(store), await held(store)) == (20 * EUR, ["r1"])
    assert await reserve(store, award("r2", per_device=1)) == [()], "the phone has none of it any more"
    await store.resolve_reservations(INC, ["r2"], granted=False)
    assert await reserve(store, replace(held_before, value_micro_eur=30 * EUR)) == [("budget_exhausted",)]
    assert (await used(store), await held(store)) == (0, [])


async def test_a_refused_one_is_tried_anew(store: Store) -> None:
    await reserve(store, award("r1"))
    want = award("r2", per_ip=1)
    assert await reserve(store, want) == [("per_ip",)]
    await store.resolve_reservations(INC, ["r1"], granted=False)
    assert await reserve(store, want) == [()]


async def test_everything_comes_back_from_a_returned_one(store: Store) -> None:
    want, most = award(budget_micro_eur=12 * EUR, per_ip=1, per_device=1), PeriodLimit(7, 10 * EUR)
    for number in range(3):
        named = replace(want, reservation_id=f"r{number}")
        assert await reserve(store, named, per_ip=most) == [()]
        await store.resolve_reservations(INC, [f"r{number}"], granted=False)
        assert (await used(store), await held(store)) == (0, [])
    assert await reserve(store, replace(want, reservation_id="r0"), per_ip=most) == [()]
    assert (await used(store), await held(store)) == (12 * EUR, ["r0"])


@pytest.mark.parametrize("granted", [True, False])
async def test_a_fate_is_known_for_two_days_and_then_forgotten(store: Store, backend: Backend, granted: bool) -> None:
    """Known: asked again, a granted one counts once. Forgotten: the same name is a new reservation."""
    await reserve(store, award("r1"))
    await store.resolve_reservations(INC, ["r1"], granted)
    counted = 12 * EUR if granted else 0
    for age_ms, expected in ((2 * DAY_MS - 60_000, 1), (60_000, 0)):
        backend.age_resolutions(age_ms)
        await store.resolve_reservations(INC, [], granted=True)
        assert (backend.reservations(), await used(store)) == (expected, counted)
    await reserve(store, award("r1"))
    assert await used(store) == counted + 12 * EUR


async def test_what_is_held_is_never_forgotten(store: Store, backend: Backend) -> None:
    await reserve(store, award("r1"), award("r2"))
    await store.resolve_reservations(INC, ["r2"], granted=False)
    await reserve(store, award("r2"))
    backend.age_resolutions(30 * DAY_MS)
    await store.resolve_reservations(INC, [], granted=True)
    assert await held(store) == ["r1", "r2"]


@pytest.mark.parametrize(("fate", "left"), [(True, 12 * EUR), (False, 0)], ids=["granted", "returned"])
async def test_the_first_fate_is_the_last(store: Store, fate: bool, left: int) -> None:
    await reserve(store, award())
    for granted in (fate, fate, not fate):
        await store.resolve_reservations(INC, ["r1", "never heard of", "r1"], granted)
        assert (await used(store), await held(store)) == (left, [])


async def test_only_those_named_are_settled(store: Store) -> None:
    await reserve(store, award("r1"), award("r2"), award("r3"))
    await store.resolve_reservations(INC, ["r1", "r3"], granted=False)
    await store.resolve_reservations(INC, [], granted=False)
    assert (await used(store), await held(store)) == (12 * EUR, ["r2"])


async def test_what_is_held_says_whose_it_is_oldest_first(store: Store) -> None:
    for number, player_id in enumerate(["alice", "bob", "carol"]):
        await store.reserve(INC, player_id, f"c-{player_id}", HOME, [award(f"r{number}")], None, NOW_MS - number)
    assert list(await store.held_reservations(NOW_MS, 10)) == [
        HeldReservation("r2", "carol", "c-carol", NOW_MS - 2),
        HeldReservation("r1", "bob", "c-bob", NOW_MS - 1),
    ]
    assert [one.player_id for one in await store.held_reservations(NOW_MS + 1, 2)] == ["carol", "bob"]


async def test_what_a_former_owner_sends_late_takes_no_place_of_what_its_successor_has(store: Store) -> None:
    """The same command reserves under the same id, worth another amount because another catalog is in force."""
    limited = award("r1", budget_micro_eur=20 * EUR, per_device=1)
    await reserve(store, replace(limited, value_micro_eur=3 * EUR))
    now = (await store.claim("s0", OWNER, "n-next")).incarnation
    answers = await store.reserve(now, "alice", "command-1", HOME, [limited], None, NOW_MS)
    assert [answer.refusals for answer in answers] == [()]
    with pytest.raises(Fenced):
        await reserve(store, replace(limited, value_micro_eur=3 * EUR))
    for granted in (True, False):
        with pytest.raises(Fenced):
            await store.resolve_reservations(INC, ["r1"], granted=granted)
    assert (await used(store), await held(store)) == (12 * EUR, ["r1"])
    await store.resolve_reservations(now, ["r1"], granted=True)
    assert (await used(store), await held(store)) == (12 * EUR, [])


async def test_after_a_slot_move_the_epoch_before_it_reserves_and_returns_nothing(store: Store) -> None:
    await reserve(store, award("r1"))
    now = await store.release_slots(INC, await store.take_term(), [], [], "s1", {})
    with pytest.raises(Fenced):
        await reserve(store, award("r2"))
    with pytest.raises(Fenced):
        await store.resolve_reservations(INC, ["r1"], granted=False)
    assert (await used(store), await held(store)) == (12 * EUR, ["r1"])
    await store.resolve_reservations(now, ["r1"], granted=False)
    assert (await used(store), await held(store)) == (0, [])


async def test_what_is_held_can_be_read_page_by_page_also_what_was_reserved_at_one_instant(store: Store) -> None:
    times = {"a": 5, "b": 7, "c": 7, "d": 7, "e": 7, "f": 9}
    for reservation_id, at_ms in times.items():
        await reserve(store, award(reservation_id), now_ms=at_ms)
    for size in (1, 2, 3, 10):
        read, last = list[str](), None
        while page := await store.held_reservations(9, size, last):
            read += [one.reservation_id for one in page]
            last = page[-1]
        assert read == ["a", "b", "c", "d", "e"]


CRASHER = """
import asyncio, os, sys
from engine.facts import Signals, WantedAward
from snapshots.contract import Incarnation
from snapshots.opening import open_store

async def main():
    store, inc = open_store(sys.argv[1]), Incarnation("s0", 1, "n", "s0-1")
    await store.open()
    wanted = [WantedAward("welcome", "r1", 12_000_000, 10_000_000, 12_000_000, 1, 1)]
    answers = await store.reserve(inc, "alice", "c1", Signals(ip="203.0.113.7"), wanted, None, 5_000)
    print(answers[0].refusals, flush=True)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


async def test_a_crash_between_reserving_and_granting_leaves_it_held(store: Store, backend: Backend) -> None:
    died = subprocess.run([sys.executable, "-c", CRASHER, backend.url], capture_output=True, text=True, check=False)
    assert (died.returncode, died.stdout) == (-9, "()\n"), died.stderr
    assert list(await store.held_reservations(10**15, 10)) == [HeldReservation("r1", "alice", "c1", 5_000)]
    want = award("r1", budget_micro_eur=12 * EUR)
    assert await reserve(store, replace(want, reservation_id="r2")) == [("budget_exhausted",)]
    assert await reserve(store, want) == [()]
    await store.resolve_reservations(INC, ["r1"], granted=False)
    assert await reserve(store, replace(want, reservation_id="r2")) == [()]


async def test_all_of_it_is_there_after_opening_again(store: Store, backend: Backend) -> None:
    want, most = award(per_ip=2, per_device=2, budget_micro_eur=30 * EUR), PeriodLimit(7, 25 * EUR)
    await reserve(store, want, replace(want, reservation_id="r2"), per_ip=most)
    await store.resolve_reservations(INC, ["r1"], granted=True)
    await store.close()
    again = backend.store()
    await again.open()
    assert (await used(again), await held(again)) == (24 * EUR, ["r2"])
    assert await reserve(again, want, replace(want, reservation_id="r2"), per_ip=most) == [(), ()]
    everything = ("budget_exhausted", "per_ip", "per_device", "max_bonus_per_ip")
    assert await reserve(again, replace(want, reservation_id="r3"), per_ip=most) == [everything]
    await again.close()


# --- many at once

CLAIMS = """
import asyncio, sys
from engine.facts import Signals, WantedAward
from snapshots.contract import Owner
from snapshots.opening import open_store

async def main():
    store = open_store(sys.argv[1])
    await store.open()
    inc = (await store.claim(sys.argv[2], Owner("host-1", 1, 1), "n")).incarnation
    sys.stdin.readline()

    async def claim(number):
        name = f"{sys.argv[2]}-{number}"
        rush = WantedAward("rush", name, 12, 10, 1_200, None, None)
        one = WantedAward("one", name + "x", 1, 1, None, 3, 1)
        signals = Signals(ip="203.0.113.7", device="phone")
        answers = await store.reserve(inc, name, "c", signals, [rush, one], None, 5_000)
        return [not answer.refusals for answer in answers]

    won = await asyncio.gather(*(claim(number) for number in range(125)))
    print(*(sum(column) for column in zip(*won)))
    await store.close()

asyncio.run(main())
"""


def claim_in_processes(url: str, names: Sequence[str]) -> tuple[int, int]:
    """How many of 125 claims per process were won: of the campaign with a budget, of the one with a device limit."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMS, url, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in names
    ]
    outputs = [process.communicate("go\n", timeout=50)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(names)
    return sum(int(budget) for budget, _ in outputs), sum(int(device) for _, device in outputs)


async def test_500_claims_in_4_processes_of_a_budget_for_100_and_of_one_per_device(
    store: Store, backend: Backend
) -> None:
    won = await asyncio.to_thread(claim_in_processes, backend.url, ["a", "b", "c", "d"])
    assert won == (100, 1)
    assert (await used(store, "rush"), await used(store, "one")) == (1_200, 1)
    assert len(await store.held_reservations(10**15, 1_000)) == 101


async def test_claims_and_returns_at_once_never_pass_the_budget(store: Store, backend: Backend) -> None:
    """Budget for 10 at a time; each winner gives back every second one. In the end 10 are granted, not 9 or 11."""
    stores = [backend.store() for _ in range(4)]
    await asyncio.gather(*(own.open() for own in stores))
    most = 0

    async def play(player: int) -> None:
        nonlocal most
        own = stores[player % 4]
        for turn in range(6):
            name = f"p{player}-{turn}"
            won = await reserve(own, award(name, budget_micro_eur=120 * EUR), player_id=name) == [()]
            most = max(most, await used(own))
            if won:
                await own.resolve_reservations(INC, [name], granted=turn % 2 == 1)

    await asyncio.gather(*(play(player) for player in range(20)))
    assert most <= 120 * EUR
    assert await used(store) == 120 * EUR
    assert await held(store) == []
    await asyncio.gather(*(own.close() for own in stores))
