"""Rules of the stateful test about grants and about who plays: opt-ins, verdicts, holds, giving up, shared limits."""

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.commands import (
    ApproveGrant,
    CancelGrant,
    ClaimGrant,
    CommandBody,
    DeclineGrant,
    Deposit,
    GrantCampaign,
    Register,
    ReleaseGrant,
    Rollback,
    Spin,
    Withdraw,
)
from tests.property.compared_player import ComparedPlayer
from tests.property.offers import HOUR_MS, OFFERS, SHARED
from tests.property.shared_house import SharedHouse
from tests.property.wiring import Wiring

PICK = st.integers(0, 999)
OFFER_IDS = st.sampled_from(sorted(OFFERS))
SEATS = ("p1", "p2", "p3")
WAITING_IDS = st.sampled_from(
    sorted(name for name, offer in OFFERS.items() if offer.opt_in or offer.path != "standard")
)
LOW_AVERAGE_IDS = st.sampled_from(sorted(name for name, offer in OFFERS.items() if offer.terms.min_average_bet))
BOTH_IDS = st.sampled_from(sorted(name for name, offer in OFFERS.items() if offer.path != "standard"))
VERDICTS = st.sampled_from(["claim", "approve", "approve", "decline", "cancel", "release", "wait"])
DEVICES = st.sampled_from([None, "own", "own", "shared"])


class GrantSteps(RuleBasedStateMachine):
    """`player` is the one whose turn it is."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = 0

    def open_house(self, funds_order: str, wired: Wiring) -> None:
        """The first player is not registered yet."""
        self.house = SharedHouse(funds_order, wired)
        self.seats = {"p1": ComparedPlayer("p1", self.house)}
        self.player = self.seats["p1"]

    def send(self, body: CommandBody, command_id: str | None = None) -> object:
        """Keys are unique over all players."""
        self.keys += 1
        return self.player.send(command_id or f"gs:{self.keys}", body)

    def turn_to(self, player_id: str) -> None:
        """Another player goes on; newcomers register and deposit."""
        known = player_id in self.seats
        self.player = self.seats.setdefault(player_id, self.player if known else ComparedPlayer(player_id, self.house))
        if not known:
            self.send(Register("EUR", "FI"))
            self.send(Deposit(40, device=f"{player_id}'s own"))

    def grant_id(self, pick: int, states: Sequence[str]) -> str:
        """Mostly the newest grant in those states, sometimes any grant or package, or none that ever was."""
        wallet = self.player.ledger.wallet
        found = [grant.id for grant in wallet.grants.values() if grant.state in states]
        if not found or pick % 8 == 0:
            found = ["g9999-1", *wallet.grants, *[*wallet.packages][-16:]]
        return found[-1 - (pick % 3) % len(found)] if pick % 4 else found[pick % len(found)]

    # --- who plays

    @rule(player_id=st.sampled_from(SEATS))
    def next_player(self, player_id: str) -> None:
        self.turn_to(player_id)

    @rule(device=DEVICES, stolen=st.sampled_from([False, False, False, False, True]), campaign_id=OFFER_IDS)
    def come_from_elsewhere(self, device: str | None, stolen: bool, campaign_id: str) -> None:
        """A shared device makes awards wait for review, a shared instrument denies them (rules §7)."""
        player_id = self.player.ledger.player_id
        where = f"{player_id}'s own" if device == "own" else device
        self.send(Deposit(20, "stolen" if stolen else f"{player_id}'s card", device=where))
        self.send(GrantCampaign(campaign_id, "because"))

    @rule(campaign_id=st.sampled_from(SHARED), players=st.lists(st.sampled_from(SEATS), min_size=2, max_size=5))
    def all_want_the_same(self, campaign_id: str, players: list[str]) -> None:
        """Budget and awards per device are one for all players (rules §6)."""
        for player_id in players:
            self.turn_to(player_id)
            self.send(GrantCampaign(campaign_id, "because"))

    # --- the ways of a grant

    def say(self, verdict: str, pick: int) -> object:
        """Says it of a grant for which it makes sense, mostly."""
        initiated = self.grant_id(pick, ("initiated",))
        if verdict == "claim":
            return self.send(ClaimGrant(initiated))
        if verdict == "approve":
            return self.send(ApproveGrant(initiated, "looks fine"))
        if verdict == "decline":
            return self.send(DeclineGrant(initiated, "no"))
        if verdict == "cancel":
            return self.send(CancelGrant(self.grant_id(pick, ("initiated", "granted", "in_wager"))))
        if verdict == "release":
            return self.send(ReleaseGrant(self.grant_id(pick, ("granted",)), "fine"))
        self.player.now += pick % 50 * HOUR_MS
        return None

    @rule(pick=PICK, verdict=VERDICTS)
    def verdict(self, pick: int, verdict: str) -> None:
        self.say(verdict, pick)

    @rule(campaign_id=WAITING_IDS, verdicts=st.lists(VERDICTS, min_size=1, max_size=4), bets=st.integers(0, 3))
    def ask_and_answer(self, campaign_id: str, verdicts: list[str], bets: int) -> None:
        self.send(GrantCampaign(campaign_id, "because"))
        for verdict in verdicts:
            self.say(verdict, 1)
        for _ in range(bets):
            self.send(Spin("book", "freespin", None, 15))
            self.send(Spin("wheel", "real", 50, 40))

    @rule(
        campaign_id=BOTH_IDS,
        words=st.permutations(["claim", "approve", "wait"]),
        drop=st.sampled_from([None, None, None, "claim", "approve"]),
        stakes=st.lists(st.sampled_from([15, 30, 60]), max_size=5),
    )
    def needs_two_words(self, campaign_id: str, words: list[str], drop: str | None, stakes: list[int]) -> None:
        """Opt-in and approval in either order, one of them forgotten now and then (rules §4, workflow)."""
        self.send(GrantCampaign(campaign_id, "because"))
        for word in words:
            if word != drop:
                self.say(word, 17)
        for stake in stakes:
            self.send(Spin("wheel", "real", stake, stake))

    @rule(where=st.sampled_from(SEATS), campaign_id=OFFER_IDS, approved=st.booleans(), undo=st.booleans())
    def under_review(self, where: str, campaign_id: str, approved: bool, undo: bool) -> None:
        """Somebody else came from the same device: an operator looks at each grant (rules §7)."""
        for player_id in (where, self.player.ledger.player_id):
            self.turn_to(player_id)
            self.send(Deposit(30, device="shared"))
        self.send(GrantCampaign(campaign_id, "because"))
        self.say("approve" if approved else "decline", 1)
        self.say("claim", 1)
        self.send(Spin("wheel", "real", 40, 20))
        if undo:
            self.send(Rollback(f"gs:{self.keys}"))

    @rule(pick=PICK)
    def give_up(self, pick: int) -> None:
        packages = [package.id for package in self.player.ledger.wallet.packages.values()][-16:]
        self.send(CancelGrant(packages[pick % len(packages)] if packages and pick % 2 else self.grant_id(pick, ())))

    @rule(
        campaign_id=LOW_AVERAGE_IDS,
        stake=st.sampled_from([10, 15, 24, 26, 31, 41]),
        spins=st.integers(1, 8),
        then=st.sampled_from(["release", "cancel", "undo", "withdraw", "wait", "nothing"]),
    )
    def wager_with_stakes(self, campaign_id: str, stake: int, spins: int, then: str) -> None:
        """Small stakes end in a hold, and whatever is done about it (rules §4, `min_average_bet`)."""
        self.send(Deposit(100))
        self.send(GrantCampaign(campaign_id, "because"))
        self.say("claim", 1)
        self.say("approve", 1)
        before = self._held()
        for _ in range(spins):
            if self._held() == before:
                self.send(Spin("wheel", "real", stake, stake))
        self._about_the_hold(then)

    def _held(self) -> list[str]:
        return [grant.id for grant in self.player.ledger.wallet.grants.values() if grant.held]

    def _about_the_hold(self, then: str) -> None:
        held = self._held()
        if then == "undo":
            self.send(Rollback(f"gs:{self.keys}"))
        elif then == "withdraw":
            self.send(Withdraw(5, forfeit_bonuses=True))
        elif then == "wait":
            self.player.now += 100 * HOUR_MS
        elif held and then == "release":
            self.send(ReleaseGrant(held[-1], "fine"))
        elif held and then == "cancel":
            self.send(CancelGrant(held[-1]))

    # --- what holds over all players

    @invariant()
    def nothing_comes_from_nowhere(self) -> None:
        """The money of all players together is what came in and did not go out."""
        if hasattr(self, "seats"):
            accounts = [player.account for player in self.seats.values()]
            money = sum(player.money() for player in self.seats.values())
            gone = sum(account.withdrawn + account.removed for account in accounts)
            assert money + gone == sum(account.came_in for account in accounts)
