"""Bonuses in the simulation: catalogs whose every award tells which version it is of, and what the journal says of all.

The journal is read where it is written: a batch counts once the store has taken it, under the catalog in force then.
"""

from collections import Counter
from typing import Any, NamedTuple

from msgspec.structs import replace

from engine.catalog import Campaign, Catalog, Limits, TriggerCondition
from engine.events import BonusGranted, DepositMade, GrantCancelled, GrantCreated, GrantDeclined, GrantExpired
from engine.state import Grant
from engine.transition import Transition
from snapshots.codec import decode_batch, decode_entry
from tests.support.journal_account import Account
from tests.support.playing import MILLION, campaign, catalog_with, wager

VERSIONS = 6
UNKNOWN = "?"
FAR_MS = 4_102_444_800_000
MICRO_EUR_PER_CENT = 10_000
CENTS = {"each-deposit": 10, "lucky": 200, "manual": 300, "one-device": 400, "quiet": 500}
"""What version 0 of each campaign gives; version n gives n cents more and is to be wagered n + 1 times."""
BUDGETS = {"lucky": 2_500, "manual": 4_000, "quiet": 3_000}
PER_DEVICE = 2


def catalog(number: int) -> Catalog:
    """Version `number`. Bonus money can't be staked here: real money stays what customers can reckon by themselves.

    Only in even versions silence makes anything due.
    """
    quiet_until = 1 if number % 2 else FAR_MS
    campaigns = [
        _campaign("each-deposit", number, trigger="deposit"),
        _campaign("lucky", number, trigger="code", condition=TriggerCondition(code="LUCKY"), opt_in=True, claim_days=1),
        _campaign("manual", number),
        _campaign("one-device", number, limits=Limits(per_device=PER_DEVICE)),
        _campaign("quiet", number, trigger="inactive", condition=TriggerCondition(days=1), valid_to_ms=quiet_until),
    ]
    return replace(catalog_with(*campaigns), version=f"v{number}")


def _campaign(name: str, number: int, **fields: Any) -> Campaign:
    terms = wager(number + 1, valid_days=1, excluded_games=("book", "dice"), excluded_policy="real_only")
    given: dict[str, Any] = {"per_player": 1_000, "valid_from_ms": 0, "valid_to_ms": FAR_MS, "wager": terms}
    if name in BUDGETS:
        given["limits"] = Limits(budget_micro_eur=BUDGETS[name] * MICRO_EUR_PER_CENT)
    return campaign(name, CENTS[name] + number, **(given | fields))


class Entry(NamedTuple):
    """A transition as the store took it, the version of the catalog in force at that moment, and the log."""

    done: Transition
    catalog: str
    log_id: str


class Journal:
    """All that was ever appended, by (player, version). A batch repeated at its place is no news."""

    def __init__(self) -> None:
        self.in_force = ""
        self.catalogs_known = True
        """Not if the store alone has lost that one was put in force: shards go on under it."""
        self._batches: set[tuple[str, int]] = set()
        self._entries: dict[tuple[str, int], Entry] = {}
        self._lost: dict[tuple[str, int], Entry] = {}
        """What the store had, and lost: it may come back."""
        self.written_twice: list[Transition] = []

    def copy(self) -> "Journal":
        """As it stands."""
        copied = Journal()
        copied.go_back(self)
        return copied

    def go_back(self, earlier: "Journal") -> None:
        """The store has lost all that came later."""
        self._lost = self.without(earlier)
        self.in_force = earlier.in_force
        self._batches, self._entries = set(earlier._batches), dict(earlier._entries)

    def took(self, log_id: str, seq: int, payload: bytes) -> None:
        """The store has taken a batch as record `seq` of the log."""
        if (log_id, seq) in self._batches:
            return
        self._batches.add((log_id, seq))
        for keyed in decode_batch(payload):
            done = decode_entry(keyed)
            place = done.player_id, done.version
            if place in self._entries:
                self.written_twice.append(done)
            lost = self._lost.get(place)
            back = lost is not None and lost.done == done and lost.log_id == log_id
            catalog = self.in_force if self.catalogs_known else UNKNOWN
            self._entries[place] = lost if lost is not None and back else Entry(done, catalog, log_id)

    def without(self, other: "Journal") -> dict[tuple[str, int], Entry]:
        """What the other one has not."""
        return other.lacking(self._entries)

    def lacking(self, entries: dict[tuple[str, int], Entry]) -> dict[tuple[str, int], Entry]:
        """Those of the entries that are not there."""
        return {place: entry for place, entry in entries.items() if self._entries.get(place) != entry}

    def of(self, player_id: str) -> list[Entry]:
        """The player's, oldest first."""
        return [self._entries[place] for place in sorted(self._entries) if place[0] == player_id]

    def account(self, player_id: str) -> Account:
        """What the player's journal says about money."""
        account = Account()
        for entry in self.of(player_id):
            for event in entry.done.events:
                account.add(event)
        return account


class ActiveAwards:
    """What the journal says about one player's awards that passed the gate."""

    def __init__(self, journal: Journal, player_id: str) -> None:
        self.grants: dict[str, Grant] = {}
        self.held: set[str] = set()
        """Reservations of grants that wait for opt-in."""
        self.gone: set[str] = set()
        """Grants that ended before they were granted."""
        self.commands: Counter[str] = Counter()
        self.on_device: Counter[str] = Counter()
        """Grants of the campaign `one-device` by the device of the player's last deposit."""
        device = None
        for entry in journal.of(player_id):
            self.commands[entry.done.command_id] += 1
            for event in entry.done.events:
                device = event.device if isinstance(event, DepositMade) else device
                self._note(event, entry.catalog, device)

    def _note(self, event: Any, version: str, device: str | None) -> None:
        if isinstance(event, GrantCreated):
            self._created(event.grant, version, device)
        elif isinstance(event, BonusGranted):
            self.held.discard(event.reservation or "")
        elif isinstance(event, GrantDeclined | GrantExpired | GrantCancelled) and event.reservation is not None:
            self.held.discard(event.reservation)
            self.gone.add(event.grant_id)

    def _created(self, grant: Grant, version: str, device: str | None) -> None:
        if version != UNKNOWN:
            number = int(version.removeprefix("v"))
            assert grant.amount == CENTS[grant.campaign_id] + number, f"{grant} under {version}"
            assert grant.terms.multiplier_micro == (number + 1) * MILLION, f"{grant} under {version}"
        if grant.state == "declined":
            return
        self.grants[grant.grant_id] = grant
        if grant.state == "initiated" and grant.reservation is not None:
            self.held.add(grant.reservation)
        if grant.campaign_id == "one-device" and device is not None:
            self.on_device[device] += 1

    def used(self, campaign_id: str) -> int:
        """Micro-EUR of the campaign's budget, granted and held."""
        mine = (grant for name, grant in self.grants.items() if name not in self.gone)
        return sum(grant.bonus_micro_eur for grant in mine if grant.campaign_id == campaign_id)
