"""The naive ledger's pages on awards: triggers, the gate, opt-in, verdicts, release, giving up (rules §4, §6, §7)."""

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor
from typing import Any

from engine import commands as c
from tests.property.crowd import Award, Crowd
from tests.property.offers import BONUS_PER_WEEK_MAX, DAY_MS, OFFERS, START_MS, Offer
from tests.property.reference_wallet import Refused, Wallet
from tests.property.wallet_records import LIVE, Grant, Package
from tests.property.wiring import Wiring

Facts = dict[str, Any]


class AwardPages:
    """Mixed into the ledger. `told` is what the command under way has awarded: (campaign, state, reasons)."""

    wallet: Wallet
    player_id: str
    version: int
    country: str | None

    def __init__(self, wirings: dict[str, Wiring], crowd: Crowd) -> None:
        self.wirings, self.crowd = wirings, crowd
        self.deposits = self.deposited = 0
        self.device: str | None = None
        self.instrument: str | None = None
        self.pending: dict[str, Package] = {}
        """Free spins that come with an initiated grant, by its id."""
        self.told: list[tuple[str, str, tuple[str, ...]]] = []

    # --- what triggers

    def _deposit(self, command_id: str, body: c.Deposit) -> Callable[[], Facts]:
        self.deposits += 1
        self.deposited += body.amount
        nth, number, self.told = self.deposits, 0, []
        self.wallet.book.enter("player", "money", body.amount)
        self._come_with(body)
        for name, offer in sorted(OFFERS.items()):
            if nth == 1 and offer.match_percent is not None and self._eligible(name, offer, body.amount):
                number += 1
                self._award(name, offer, number, body.amount)
        awards = sorted(self.told)
        return lambda: {"amount": body.amount, "nth": nth, "balance": self.wallet.balance(), "awards": awards}

    def _come_with(self, body: c.Deposit) -> None:
        for kind, signal in (("device", body.device), ("instrument", body.payment_instrument)):
            if signal is not None:
                setattr(self, kind, signal)
                self.crowd.seen.add((kind, signal, self.player_id))

    def _grantcampaign(self, command_id: str, body: c.GrantCampaign) -> Callable[[], Facts]:
        offer = OFFERS.get(body.campaign_id)
        if offer is None:
            raise Refused("campaign_not_found")
        if offer.match_percent is not None or not self._eligible(body.campaign_id, offer, None):
            raise Refused("not_eligible")
        self.told = []
        self._award(body.campaign_id, offer, 1, 0)
        awards = self.told
        return lambda: {"balance": self.wallet.balance(), "awards": awards}

    def _eligible(self, name: str, offer: Offer, deposit: int | None) -> bool:
        running = START_MS <= self.wallet.now < offer.valid_to_ms
        enough = deposit is None or deposit >= offer.min_deposit
        here = offer.country is None or offer.country == self.country
        return running and enough and here and self.awarded[name] < offer.per_player

    @property
    def awarded(self) -> Counter[str]:
        """Awards by campaign, but for those that ended before they were granted (rules §6, `per_player`)."""
        return Counter(award.campaign for award in self.crowd.awards[self.player_id] if award.counts)

    # --- from the offer to the grant

    def _award(self, name: str, offer: Offer, number: int, deposit: int) -> None:
        amount, matched = self._worth(offer, deposit)
        if not amount and offer.spins is None:
            return
        verdict, reasons, refused = self._gate(name, offer, amount)
        path = self.wirings[offer.path]
        grant = self._draft(name, offer, number, amount, matched)
        grant.reasons = reasons
        grant.awaits_claim = offer.opt_in or path.claim
        grant.awaits_approval = verdict == "review" or path.approval
        package = self._package(name, offer, number)
        if refused or verdict == "deny":
            self.wallet.grants[grant.id] = grant
            self.wallet.end_unfunded(grant, "declined")
            self.told.append((name, "declined", reasons))
            return
        value = offer.value if offer.match_percent is None else amount
        award = Award(name, value, amount, self.device, self.wallet.now, grant)
        self.crowd.awards[self.player_id].append(award)
        if grant.awaits_claim or grant.awaits_approval:
            self.wallet.grants[grant.id] = grant
            self.told.append((name, "initiated", reasons))
            if package is not None:
                self.pending[grant.id] = package
            return
        self.told.append((name, "granted", reasons if amount else ()))
        if amount:
            self._hand_out(grant, offer, package)
        else:
            assert package is not None  # free spins alone, given at once, need no grant
            award.grant = None
            package.valid_to += self.wallet.now
            self.wallet.packages[package.id] = package

    @staticmethod
    def _worth(offer: Offer, deposit: int) -> tuple[int, int]:
        """The bonus, and the part of the deposit that it matches."""
        if offer.match_percent is None:
            return offer.fixed or 0, 0
        amount = floor(Fraction(deposit * offer.match_percent, 100))
        amount = amount if offer.match_max is None else min(amount, offer.match_max)
        return amount, min(deposit, ceil(Fraction(amount * 100, offer.match_percent)))

    def _draft(self, name: str, offer: Offer, number: int, amount: int, matched: int) -> Grant:
        base = amount + matched if offer.terms.basis == "bonus_plus_deposit" else amount
        wager = ceil(base * offer.terms.multiplier)
        lapses = offer.valid_to_ms
        if offer.claim_days is not None:
            lapses = min(lapses, self.wallet.now + offer.claim_days * DAY_MS)
        grant_id = f"g{self.version + 1}-{number}"
        grant = Grant(grant_id, offer.terms, lapses, self.wallet.book, amount, wager, state="initiated")
        grant.campaign, grant.path = name, self.wirings[offer.path]
        return grant

    def _package(self, name: str, offer: Offer, number: int) -> Package | None:
        """Its days are counted from when it is handed out."""
        if offer.spins is None:
            return None
        ends = offer.spins.valid_days * DAY_MS
        return Package(f"p{self.version + 1}-{number}", offer, ends, self.wallet.book, campaign=name)

    def _hand_out(self, grant: Grant, offer: Offer, package: Package | None) -> None:
        days, now = offer.terms.valid_days, self.wallet.now
        grant.valid_to = offer.valid_to_ms if days is None else now + days * DAY_MS
        if package is not None:
            package.valid_to += now
        self.wallet.hand_out(grant, package)

    # --- the gate

    def _gate(self, name: str, offer: Offer, amount: int) -> tuple[str, tuple[str, ...], bool]:
        """The verdict of the fraud rules, all reasons, and whether a limit refuses it."""
        device = ["shared_device"] if self.crowd.others("device", self.device, self.player_id) else []
        stolen = ["shared_instrument"] if self.crowd.others("instrument", self.instrument, self.player_id) else []
        limits = []
        if offer.budget is not None and self.crowd.used(name) + offer.value > offer.budget:
            limits.append("budget_exhausted")
        on_device = 0 if self.device is None else self.crowd.on_device(name, self.device)
        if offer.per_device is not None and on_device >= offer.per_device:
            limits.append("per_device")
        if amount and self._this_week() + amount > BONUS_PER_WEEK_MAX:
            limits.append("max_bonus_per_player")
        verdict = "deny" if stolen else "review" if device else "allow"
        return verdict, (*device, *stolen, *limits), bool(limits)

    def _this_week(self) -> int:
        """Bonus money of the last seven UTC days, today's included, but for what was never granted."""
        first = self.wallet.now // DAY_MS - 6
        mine = self.crowd.awards[self.player_id]
        return sum(award.bonus for award in mine if award.counts and award.given_ms // DAY_MS >= first)

    # --- what is done to a grant by name

    def _claimgrant(self, command_id: str, body: c.ClaimGrant) -> Callable[[], Facts]:
        grant = self._waiting(body.grant_id)
        if not grant.awaits_claim:
            raise Refused("invalid_state")
        grant.awaits_claim = False
        return self._granted_if_free(grant)

    def _approvegrant(self, command_id: str, body: c.ApproveGrant) -> Callable[[], Facts]:
        grant = self._waiting(body.grant_id)
        if not grant.awaits_approval:
            raise Refused("invalid_state")
        grant.awaits_approval = False
        return self._granted_if_free(grant)

    def _granted_if_free(self, grant: Grant) -> Callable[[], Facts]:
        if not grant.awaits_claim and not grant.awaits_approval:
            self._hand_out(grant, OFFERS[grant.campaign], self.pending.pop(grant.id, None))
        return lambda: self._state_of(grant)

    def _declinegrant(self, command_id: str, body: c.DeclineGrant) -> Callable[[], Facts]:
        grant = self._waiting(body.grant_id)
        self.wallet.end_unfunded(grant, "declined")
        grant.reasons = (*grant.reasons, body.reason)
        return lambda: self._state_of(grant)

    def _releasegrant(self, command_id: str, body: c.ReleaseGrant) -> Callable[[], Facts]:
        grant = self.wallet.named(body.grant_id)
        if not grant.held or grant.frozen:
            raise Refused("invalid_state")
        self.wallet.end(grant, "completed", pays=True)
        return lambda: self._state_of(grant)

    def _cancelgrant(self, command_id: str, body: c.CancelGrant) -> Callable[[], Facts]:
        package = self.wallet.packages.get(body.grant_id)
        if package is not None and not package.expired:
            return self._cancel_package(package)
        grant = self.wallet.named(body.grant_id)
        if grant.state == "initiated":
            self.wallet.end_unfunded(grant, "cancelled")
        elif self.wallet.tied(grant):
            raise Refused("round_open")
        elif not grant.path.gives_up:
            raise Refused("invalid_state")
        else:
            self.wallet.end(grant, "cancelled")
        return lambda: self._state_of(grant)

    def _cancel_package(self, package: Package) -> Callable[[], Facts]:
        if self.wallet.in_play(package.id):
            raise Refused("round_open")
        if not package.left:
            raise Refused("invalid_state")
        package.expired = True
        return lambda: {"grant_id": package.id, "campaign_id": package.campaign, "state": "cancelled"}

    def _waiting(self, grant_id: str) -> Grant:
        grant = self.wallet.named(grant_id)
        if grant.state in LIVE:
            raise Refused("invalid_state")
        return grant

    def _state_of(self, grant: Grant) -> Facts:
        return {
            "grant_id": grant.id,
            "campaign_id": grant.campaign,
            "state": grant.state,
            "reasons": grant.reasons,
            "balance": self.wallet.balance(),
        }
