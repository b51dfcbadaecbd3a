"""One run: the house is built, players play, one fault follows the other, and then everything is reckoned up."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from croupier_client.signing import Signer
from tests.chaos import verifying
from tests.chaos.crowd import Crowd
from tests.chaos.house import PORT, TOKEN_VALID_S, House
from tests.chaos.plan import Planned, plan
from tests.chaos.reckoning import Reckoning, reckon
from tests.chaos.stores import TookTooLong
from tests.chaos.timeline import Outage, Trouble, answers_by_second, outage
from tests.load.asking import Proof, Unexpected
from tests.load.settings import SHIPPED_CATALOG
from tests.load.terms import read_shelf
from tests.support.croupier_up import ROLES, token

REST_S: Final = 4.0
"""Seconds of undisturbed play between two faults."""
VIEW_S: Final = 2.5
"""`GET /cluster` is up to two seconds old."""
WHOLE_S: Final = 120.0
"""In this time everything must be as before a fault, and everybody who waited must have an answer."""
MISSED_MAX: Final = 2
"""So many faults may end badly before the run gives up."""
ARRIVED_S: Final = 120.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What is asked for on the command line."""

    minutes: float
    seed: int
    players: int
    think_ms: int
    kinds: tuple[str, ...]


@dataclass
class Found:
    """Everything that the report tells."""

    wanted: Wanted
    outages: list[Outage]
    began: float
    seconds: float
    answers: list[int]
    counts: dict[str, int]
    differences: list[str]
    reckoning: Reckoning
    verified: verifying.Verified
    exit_code: int

    def complaints(self) -> list[str]:
        """Every reason for which the run has failed; none: nothing was lost, nothing doubled, all came back."""
        found = [f"after {one.trouble.kind}: {one.trouble.missed}" for one in self.outages if one.trouble.missed]
        found += self.reckoning.complaints()
        entries = self.reckoning.entries
        found += self.verified.complaints(sum(entries.values()), len(entries))
        if number := self.counts.get("differences", 0):
            found.append(f"{number} answers differ from the players' books:")
            found += [f"  {line}" for line in self.differences[:10]]
        if self.counts.get("reconciled") != self.wanted.players:
            found.append(f"{self.counts.get('reconciled', 0)} of {self.wanted.players} players were reconciled")
        if self.exit_code:
            found.append(f"croupier up ended with exit code {self.exit_code} after SIGTERM")
        return found


def conduct(wanted: Wanted, folder: Path, say: Say) -> Found:
    """Plays for so many minutes, and until each kind of fault has come once."""
    house = House(folder)
    say("starting three Redis with sentinels, croupier up, and two gateways")
    house.start()
    crowd = new_crowd(house, wanted)
    began = time.monotonic()
    crowd.start()
    for seat in crowd.seats:
        seat.arrived.wait(ARRIVED_S)
    say(f"{len(crowd.seats)} players have arrived")
    troubles = disturb(house, crowd, wanted, began, say)
    ended = time.monotonic()
    say("players finish and are compared with the server")
    crowd.stop()
    return judge(house, crowd, wanted, troubles, (began, ended), say)


def new_crowd(house: House, wanted: Wanted) -> Crowd:
    """Players at both gateways."""
    proof = Proof(
        *(Signer(role, f"secret-of-{role}") for role in ROLES), token("marketing_manager", "ann", TOKEN_VALID_S)
    )
    gateways = [(gateway.host.address, PORT) for gateway in house.gateways]
    shelf = read_shelf(SHIPPED_CATALOG)
    return Crowd(gateways, proof, shelf, wanted.players, wanted.think_ms / 1_000, wanted.seed)


def disturb(house: House, crowd: Crowd, wanted: Wanted, began: float, say: Say) -> list[Trouble]:
    """One fault after the other, with rest in between."""
    troubles: list[Trouble] = []
    for planned in plan(wanted.seed, wanted.kinds):
        all_had_their_turn = len(troubles) >= len(wanted.kinds)
        if all_had_their_turn and time.monotonic() - began > wanted.minutes * 60:
            return troubles
        time.sleep(REST_S)
        troubles.append(one_fault(house, crowd, planned))
        say(f"{time.monotonic() - began:5.0f} s  {in_words(troubles[-1], crowd)}")
        if sum(bool(trouble.missed) for trouble in troubles) == MISSED_MAX:
            return troubles
    return troubles


def in_words(trouble: Trouble, crowd: Crowd) -> str:
    """One line for the terminal."""
    noticed = outage(trouble, crowd.record.asks)
    words = f"{trouble.kind}: {trouble.hit}; longest wait {noticed.longest_s:.1f} s"
    words += f" ({noticed.slow_players} players above 1 s)"
    words += f"; MISSED: {trouble.missed}" if trouble.missed else ""
    return words + ("; DIFFERENCES" if crowd.tally.counts["differences"] else "")


def one_fault(house: House, crowd: Crowd, planned: Planned) -> Trouble:
    """Makes the trouble, and waits until everything is whole and everybody who waited has an answer."""
    began = over = time.monotonic()
    hit, missed = "", ""
    try:
        hit = planned.fault(house, planned.luck)
        over = time.monotonic()
        time.sleep(VIEW_S)
        house.await_whole(WHOLE_S)
        _await_answers(crowd)
    except TookTooLong as late:
        missed = str(late)
    return Trouble(planned.kind, hit, began, over, time.monotonic(), missed)


def _await_answers(crowd: Crowd) -> None:
    """Raises TookTooLong."""
    now = time.monotonic()
    while any(since < now for since in crowd.waiting_since()):
        if time.monotonic() > now + WHOLE_S:
            raise TookTooLong(f"a player has no answer after {WHOLE_S:.0f} s")
        time.sleep(0.05)


def judge(
    house: House, crowd: Crowd, wanted: Wanted, troubles: Sequence[Trouble], span: tuple[float, float], say: Say
) -> Found:
    """Timelines, repeats, and the archive once everything is in it."""
    say("asking for every timeline, and repeating commands")
    try:
        reckoning = reckon(crowd)
    except Unexpected as unexpected:
        crowd.tally.differs(f"reckoning: {unexpected}")
        reckoning = Reckoning()
    say(f"{reckoning.acknowledged} commands were acknowledged; waiting until the archive has all of them")
    verifying.await_archived(house, sum(reckoning.entries.values()))
    exit_code = house.up.stop()
    balances = house.folder / "balances.csv"
    verifying.write_balances(crowd, reckoning.entries, balances)
    verified = verifying.verify(house, balances)
    asks = crowd.record.asks
    return Found(
        wanted=wanted,
        outages=[outage(trouble, asks) for trouble in troubles],
        began=span[0],
        seconds=span[1] - span[0],
        answers=answers_by_second(asks, *span),
        counts=dict(crowd.tally.counts) | {"asks": len(asks)},
        differences=crowd.tally.differences,
        reckoning=reckoning,
        verified=verified,
        exit_code=exit_code,
    )
