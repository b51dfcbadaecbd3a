"""The file of one bonus: its terms, opt-in, every bet that counted, the limit that was hit, how it ended and why."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from engine import events as e
from engine.state import Grant, GrantTerms
from engine.transition import Transition
from feeds.explaining.amounts import Purse, moment, rfc3339
from feeds.explaining.catalogs import Known, PastCatalogs
from feeds.explaining.reading import PlayerEntries, days_after
from feeds.explaining.rounds import UNDONE_WITHIN_MS, created_in
from feeds.explaining.scene import contribution_of
from feeds.explaining.standing import Standing
from feeds.explaining.terms import TermsShown, terms_shown
from feeds.explaining.timeline import RuleNamed, rule_named
from feeds.explaining.words import said
from snapshots.codec import KeyedEntry, decode_entry

FOLLOWED_MAX: Final = 100_000
"""Entries after the grant's creation that are looked through."""
AT_ONCE: Final = 2_000
BETS_MAX: Final = 5_000
STEPS_MAX: Final = 10_000


class StepShown(msgspec.Struct, frozen=True):
    """What happened to the grant. `balance` and `remaining` (to be wagered) are the grant's, after it.

    `instead`: see `Line`.
    """

    version: int
    time: str
    event: str
    text: str
    rules: Sequence[RuleNamed]
    balance: int
    remaining: int
    instead: str | None = None


class BetShown(msgspec.Struct):
    """A bet that staked the grant's money, counted for it, or was over its limit.

    `contribution`: percent of the stake; null if that is no longer known. `undone`: it was rolled back or cancelled.
    """

    version: int
    time: str
    session_id: str
    game_id: str
    stake: int
    real: int
    bonus: int
    counted: int
    contribution: int | None
    remaining: int
    over_limit: bool
    receipt_url: str
    undone: bool = False
    receipt: None = None


class Dispute(msgspec.Struct, frozen=True):
    """The whole file. `state` and the amounts are those after version `read_through`; `notes` say what is missing."""

    player_id: str
    grant_id: str
    campaign_id: str
    source: str
    currency: str
    exponent: int
    state: str
    created_at: str
    opted_in_at: str | None
    granted_at: str | None
    ended_at: str | None
    amount: int
    balance: int
    released: int
    removed: int
    wager_total: int
    counted: int
    remaining: int
    ending: str
    limit_hit: str | None
    verdict: str
    reasons: Sequence[str]
    terms: TermsShown
    catalog: str | None
    bets: Sequence[BetShown]
    steps: Sequence[StepShown]
    read_through: int
    notes: Sequence[str]


async def dispute(
    entries: PlayerEntries, catalogs: PastCatalogs, grant_id: str, purse: Purse, day: str | None
) -> Dispute | None:
    """The file; None if the entry that created the grant is not found. Raises StoreError."""
    created = await created_in(entries, grant_id, day)
    if created is None:
        return None
    entry, grant = created
    known = await catalogs.at(entry.real_ms or entry.time_ms)
    file = _File(grant, entry, purse, known)
    read_through = await _follow(entries, entry, file, days_after(day))
    return file.shown(read_through, entries.head.state.version)


async def _follow(entries: PlayerEntries, created: Transition, file: "_File", until_day: str | None) -> int:
    """Adds all entries that name the grant; answers up to which version they were looked for."""
    file.add(created)
    version, newest = created.version, entries.head.state.version
    last = min(newest, version + FOLLOWED_MAX)
    while version < last:
        count = min(AT_ONCE, last - version)
        page = (await entries.down_from(version + count, count, until_day)).entries
        if len(page) < count:
            break
        version += count
        for entry in _naming(reversed(page), file.grant_id):
            file.add(entry)
        if (
            file.standing.ended_ms is not None
            and decode_entry(page[0]).time_ms > file.standing.ended_ms + UNDONE_WITHIN_MS
        ):
            break
    return version


def _naming(page: Iterable[KeyedEntry], grant_id: str) -> Iterable[Transition]:
    name = grant_id.encode()
    for keyed in page:
        if name in keyed.data:
            yield decode_entry(keyed)


def concerns(event: e.AnyEvent, grant_id: str) -> bool:
    """Whether the event names the grant."""
    if isinstance(event, e.GrantCreated):
        return event.grant.grant_id == grant_id
    if isinstance(event, e.RoundReversed):
        return any(delta.grant_id == grant_id for delta in event.grants)
    if isinstance(event, e.WithdrawalRequested):
        return grant_id in event.grants
    return getattr(event, "grant_id", None) == grant_id


class _File:
    """Collects what the entries tell of one grant, in their order."""

    def __init__(self, grant: Grant, created: Transition, purse: Purse, known: Known) -> None:
        self.grant_id, self._grant, self._created = grant.grant_id, grant, created
        self._purse, self._known = purse, known
        self.standing = Standing(grant)
        self._bets: list[BetShown] = []
        self._by_command: dict[str, list[BetShown]] = {}
        self._steps: list[StepShown] = []
        self._limit_hit: str | None = None
        self._left_off = 0

    def add(self, entry: Transition) -> None:
        """One more entry."""
        for event in entry.events:
            if concerns(event, self.grant_id):
                self._one(entry, event)

    def _one(self, entry: Transition, event: e.AnyEvent) -> None:
        self.standing.apply(event, entry.time_ms)
        if isinstance(event, e.BetPlaced):
            self._bet(entry, event)
        elif isinstance(event, e.RoundReversed):
            self._undo(event)
        if len(self._steps) == STEPS_MAX:
            self._left_off += 1
            return
        line = said(event, self._purse)
        self._steps.append(
            StepShown(
                version=entry.version,
                time=rfc3339(entry.time_ms),
                event=type(event).__name__,
                text=line.text,
                rules=[rule_named(rule) for rule in line.rules],
                balance=self.standing.balance,
                remaining=self.standing.remaining,
                instead=line.instead,
            )
        )

    def _bet(self, entry: Transition, event: e.BetPlaced) -> None:
        limit = self._grant.terms.max_bet
        if event.voids_grant and limit is not None and self._limit_hit is None:
            self._limit_hit = (
                f"At {moment(entry.time_ms)} the stake of {self._purse.said(event.amount)} in round {event.session_id} "
                f"was over the limit of {self._purse.said(limit)}"
                f"{' for all stakes of a round together' if self._grant.terms.max_bet_counts == 'round' else ''}."
            )
        if len(self._bets) == BETS_MAX:
            self._left_off += 1
            return
        bet = BetShown(
            version=entry.version,
            time=rfc3339(entry.time_ms),
            session_id=event.session_id,
            game_id=event.game_id,
            stake=event.amount,
            real=event.real,
            bonus=event.bonus,
            counted=event.counted,
            contribution=self._contribution(event, self._grant.terms),
            remaining=self.standing.remaining,
            over_limit=event.voids_grant,
            receipt_url=f"/players/{self._created.player_id}/receipts/{event.session_id}",
        )
        self._bets.append(bet)
        self._by_command.setdefault(entry.command_id, []).append(bet)

    def _contribution(self, event: e.BetPlaced, terms: GrantTerms) -> int | None:
        """None if the catalog of that time is gone, or if another one was in force when the bet was placed."""
        percent = contribution_of(terms, self._known.catalog, event.game_id)
        return percent if percent is not None and event.counted <= event.amount * percent // 100 else None

    def _undo(self, event: e.RoundReversed) -> None:
        for command_id in event.tombstones:
            for bet in self._by_command.get(command_id, ()):
                bet.undone = True
        for bet in () if event.tombstones else self._bets:
            bet.undone = bet.undone or bet.session_id == event.session_id

    def shown(self, read_through: int, newest: int) -> Dispute:
        """The file as far as it goes."""
        standing, grant = self.standing, self._grant
        return Dispute(
            player_id=self._created.player_id,
            grant_id=self.grant_id,
            campaign_id=grant.campaign_id,
            source=grant.source,
            currency=self._purse.currency,
            exponent=self._purse.exponent,
            state=standing.state,
            created_at=rfc3339(self._created.time_ms),
            opted_in_at=_at(standing.opted_in_ms),
            granted_at=_at(standing.granted_ms),
            ended_at=_at(standing.ended_ms),
            amount=standing.amount,
            balance=standing.balance,
            released=standing.released,
            removed=standing.removed,
            wager_total=standing.wager_total,
            counted=sum(bet.counted for bet in self._bets if not bet.undone),
            remaining=standing.remaining,
            ending=self._ending(),
            limit_hit=self._limit_hit,
            verdict=grant.verdict,
            reasons=grant.reasons,
            terms=terms_shown(grant, self._purse),
            catalog=self._known.version,
            bets=self._bets,
            steps=self._steps,
            read_through=read_through,
            notes=self._notes(read_through, newest),
        )

    def _ending(self) -> str:
        if self.standing.ended_by is None:
            return "The bonus has not ended."
        return said(self.standing.ended_by, self._purse).text

    def _notes(self, read_through: int, newest: int) -> list[str]:
        notes = [self._known.note] if self._known.note else []
        if self._left_off:
            notes.append(f"{self._left_off} bets and steps are left off here; the history has them all.")
        if self.standing.ended_by is None and read_through < newest:
            notes.append(f"Entries were looked through up to version {read_through}; the bonus had not ended there.")
        return notes


def _at(time_ms: int | None) -> str | None:
    return None if time_ms is None else rfc3339(time_ms)
