"""One player, and the game server and cashier behind: they play rounds, take bonuses, and check each answer's balance.

The player has at most one request under way. What the rules promise is told by the player's books; an answer that
differs is noted in the tally, and the end of the run compares books and server once more (`reconcile`).
"""

import random
from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.load.asking import Caller, Document, Request, Role
from tests.load.ledger import Books, Package
from tests.load.tally import Tally
from tests.load.terms import CURRENCY, Campaign, Shelf

FREE_SPIN_SHARE = 0.3
TWO_CALL_SHARE = 0.4
ROLLBACK_SHARE = 0.03
REPEAT_SHARE = 0.04
"""The share of commands that are sent a second time with the same key."""
ROUND_OPEN_SHARE = 0.05
"""The share of open rounds during which the game is asked for another spin, which must be refused."""
BONUS_SHARE = 0.03
DEPOSIT_SHARE = 0.02
GAMES = ("book-of-dunes", "neon-orchard", "nine-lanterns", "european-roulette", "classic-blackjack")
STAKES = (10, 20, 50, 100, 200)
"""No stake is above a bonus' `max_bet`."""
WINS = (0, 0, 0, 0, 0, 0, 1, 1, 2, 5)
"""What a round wins, in stakes, all equally likely. The mean is 90 %: players run out of money, and deposit again."""
CODE, CODE_CAMPAIGN = "SPRING", "spring-code"
EVENT, EVENT_CAMPAIGN = "app_installed", "app-gift-3"
MANUAL = ("goodwill-5", "lanterns-10-spins")
CLUB, CLUB_CAMPAIGN = "spin-club", "club-login-spins"
NEWSLETTER, NEWSLETTER_CAMPAIGN = "newsletter", "second-deposit-50"
WELCOME_CAMPAIGN = "welcome-100"
NO_MORE = ("not_eligible", "grant_declined")
"""Refusals of a bonus asked for by name: the player has had it, or its budget is spent."""
SPENT = {"budget_exhausted"}
"""The only reason for which the gate may decline an award."""
ROUNDS_MAX = 2_000
"""Rounds of one player. So turnover stays far below the level at which bonuses grow and cashback begins."""


@dataclass(frozen=True)
class Manners:
    """How players behave. `pause` waits for the time between a spin and its result."""

    pause: Callable[[], object]
    repeat_share: float = REPEAT_SHARE
    rollback_share: float = ROLLBACK_SHARE


class Player:
    """One account. A player that raised Unexpected must not go on: the books may differ from then on."""

    def __init__(self, player_id: str, caller: Caller, shelf: Shelf, tally: Tally, manners: Manners) -> None:
        self.player_id, self.books = player_id, Books()
        self._caller, self._shelf, self._tally, self._manners = caller, shelf, tally, manners
        self._luck = random.Random(player_id)
        self._segments = [segment for segment in (CLUB, NEWSLETTER) if self._luck.random() < 0.5]
        self._taken: Counter[str] = Counter()
        self._deposits = self._keys = self._rounds = 0

    @property
    def has_played_enough(self) -> bool:
        """Whether it is time for somebody new."""
        return self._rounds >= ROUNDS_MAX

    # --- asking

    def _request(
        self, name: str, role: Role, target: str, body: Document | None = None, method: str = "POST"
    ) -> Request:
        self._keys += 1
        encoded = b"" if body is None else msgspec.json.encode(body)
        return Request(name, role, method, target, f"{self.player_id}-{self._keys}", encoded)

    def _ask(self, request: Request, expects: Container[str] = ()) -> Document:
        """The answer; now and then it is asked for a second time, as a game server does that is not sure."""
        answer = self._caller.ask(request, expects)
        if "code" not in answer and self._luck.random() < self._manners.repeat_share:
            again = self._caller.ask(request)
            self._expect(f"{request.target} repeated", answer | {"replayed": True}, again)
            self._tally.count("repeats")
        return answer

    def _expect(self, what: str, expected: object, got: object) -> None:
        if expected != got:
            self._tally.differs(f"{self.player_id}: {what}: expected {expected}, got {got}")

    def _check(self, what: str, answer: Document) -> None:
        """The answer's balance, all four numbers of it."""
        self._tally.count("balances_checked")
        self._expect(f"balance after {what}", self.books.balance, answer["balance"])

    # --- money and bonuses

    def arrive(self) -> None:
        """Registers, deposits, and opens a session. Half of the first deposits are too small for the welcome bonus."""
        self.register()
        self.deposit(self._luck.choice((500, self._luck.randrange(10, 61) * 100)))
        self.open_session()

    def register(self) -> None:
        """The account, in the segments that chance has chosen."""
        self._tally.count("players")
        body = {"currency": CURRENCY, "country": "SE", "segments": self._segments}
        self._ask(self._request("register", "platform", f"/players/{self.player_id}", body, "PUT"))

    def deposit(self, amount: int) -> None:
        """Adds real money, and the bonuses that a deposit triggers."""
        answer = self._ask(self._cashier("deposit", "deposits", {"amount": amount}))
        self.books.real += amount
        self._deposits += 1
        claims = self._take(answer, self._triggered_by_deposit(amount), amount)
        self._check("a deposit", answer)
        for grant_id, campaign in claims:
            self._claim(grant_id, campaign, amount)

    def _triggered_by_deposit(self, amount: int) -> list[str]:
        """The first deposit has a campaign for everybody, the second one for readers of the newsletter."""
        named = {1: WELCOME_CAMPAIGN} | ({2: NEWSLETTER_CAMPAIGN} if NEWSLETTER in self._segments else {})
        campaigns = [named[self._deposits]] if self._deposits in named else []
        return [name for name in campaigns if amount >= self._shelf.campaigns[name].deposit_min]

    def open_session(self) -> None:
        """A session brings the members of the club free spins, up to their limit."""
        answer = self._ask(self._cashier("session", "sessions", {}))
        self._take(answer, self._unless_had([CLUB_CAMPAIGN] if CLUB in self._segments else []))

    def install_app(self) -> None:
        """Posts the event for which a campaign waits; only the first one brings something."""
        answer = self._ask(self._cashier("event", "events", {"name": EVENT, "payload": {}}))
        self._take(answer, self._unless_had([EVENT_CAMPAIGN]))
        self._check("an event", answer)

    def enter_code(self) -> None:
        """Enters the bonus code, perhaps once too often."""
        answer = self._ask(self._cashier("code", "codes", {"code": CODE}), NO_MORE)
        if self._granted_or_refused(answer, CODE_CAMPAIGN):
            self._take(answer, [CODE_CAMPAIGN])
            self._check("a code", answer)

    def be_granted(self) -> None:
        """An operator grants a bonus or free spins by hand, perhaps once too often."""
        campaign = self._luck.choice(MANUAL)
        body = {"campaign_id": campaign, "reason": "load test"}
        request = self._request("manual grant", "staff", f"/players/{self.player_id}/bonuses", body)
        answer = self._ask(request, NO_MORE)
        if self._granted_or_refused(answer, campaign):
            self._take({"granted": [answer["granted"]], "declined": []}, [campaign])
            self._check("a manual grant", answer)

    def _cashier(self, name: str, path: str, body: Document | None) -> Request:
        return self._request(name, "platform", f"/players/{self.player_id}/{path}", body)

    def _unless_had(self, campaigns: Iterable[str]) -> list[str]:
        return [name for name in campaigns if self._taken[name] < self._shelf.campaigns[name].per_player]

    def _granted_or_refused(self, answer: Document, campaign: str) -> bool:
        """Whether it was granted. A refusal must be due to the player's limit, or to a budget that is spent."""
        if answer.get("code") == "grant_declined":
            self._expect(f"reasons against {campaign}", SPENT, set(answer["reasons"]))
            return False
        had = not self._unless_had([campaign])
        self._expect(f"grant of {campaign}", "not_eligible" if had else None, answer.get("code"))
        return "code" not in answer

    def _take(self, answer: Document, expected: list[str], deposit: int = 0) -> list[tuple[str, Campaign]]:
        """Takes in what a command triggered, and compares it with what was due. Answers what is still to be claimed."""
        declined = answer["declined"]
        got = [award["campaign_id"] for award in (*answer["granted"], *declined)]
        reasons = {reason for award in declined for reason in award["reasons"]}
        self._expect("campaigns triggered", sorted(expected), sorted(got))
        self._expect("reasons against awards", set(), reasons - SPENT)
        claims = []
        for award in answer["granted"]:
            campaign = self._shelf.campaigns[award["campaign_id"]]
            self._compare(award, campaign, deposit)
            if award["state"] == "initiated":
                claims.append((award["grant_id"], campaign))
            else:
                self.books.award(campaign, deposit)
        return claims

    def _compare(self, award: Document, campaign: Campaign, deposit: int) -> None:
        spins = campaign.spins.count if campaign.spins is not None else 0
        expected = (campaign.bonus(deposit), spins)
        self._expect(f"award of {campaign.id}", expected, (award["amount"], award["free_spins"]))
        self._taken[campaign.id] += 1
        self._tally.count("awards")

    def _claim(self, grant_id: str, campaign: Campaign, deposit: int) -> None:
        """Opts in: only now the bonus is the player's."""
        answer = self._ask(self._cashier("claim", f"bonuses/{grant_id}/claim", None))
        self.books.award(campaign, deposit)
        self._check("a claim", answer)

    # --- play

    def step(self) -> None:
        """What a player does between two pauses: a round, or now and then something with bonuses or money."""
        chance = self._luck.random()
        if chance < BONUS_SHARE:
            self._luck.choice(self._bonus_steps())()
        elif chance < BONUS_SHARE + DEPOSIT_SHARE:
            self.deposit(self._luck.randrange(20, 61) * 100)
        else:
            self.round()

    def _bonus_steps(self) -> list[Callable[[], None]]:
        by_hand = [self.be_granted] if self._caller.proof.staff_token else []
        return [self.open_session, self.install_app, self.enter_code, *by_hand]

    def round(self) -> None:
        """A free or a real round, in one call or two. Without money for it, the player is refused, and deposits."""
        self._rounds += 1
        if self.books.spins and self._luck.random() < FREE_SPIN_SHARE:
            offered = self._luck.choice([package for package in self.books.packages if package.left])
            game, stake = self._luck.choice(offered.spins.games), offered.spins.stake
            self._play(game, stake, self.books.usable(game, stake))
            return
        game = self._luck.choice(GAMES)
        stake = max(self._luck.choice(STAKES), self._shelf.games[game])
        if self.books.stakeable < stake:
            self._be_broke(game, stake)
        self._play(game, stake, None)

    def _be_broke(self, game: str, stake: int) -> None:
        answer = self._ask(self._spin("spin refused", game, stake, None, ""), ("insufficient_funds",))
        self._expect(
            "spin without money", ("insufficient_funds", "deposit"), (answer.get("code"), answer.get("action"))
        )
        self.deposit(self._luck.randrange(20, 61) * 100)

    def _play(self, game: str, stake: int, package: Package | None) -> None:
        win = self._luck.choice(WINS) * stake
        win += self._luck.randrange(10) if win else 0  # odd cents, so that shares must be rounded
        self._tally.count("rounds")
        self._tally.count("free_rounds", package is not None)
        if self._luck.random() < TWO_CALL_SHARE:
            self._two_calls(game, stake, package, win)
        else:
            self.one_call(game, stake, package, win)

    def _spin(self, name: str, game: str, stake: int, package: Package | None, more: str) -> Request:
        mode = "real" if package is None else "freespin"
        target = f"/spin?player_id={self.player_id}&game_id={game}&mode={mode}&bet={stake}{more}"
        return self._request(name, "game_server", target)

    def _stake(self, answer: Document, game: str, stake: int, package: Package | None) -> None:
        """Books the stake of an accepted spin, and compares where it came from."""
        if package is not None:
            self.books.free_spin(package)
            parts = (0, 0)
        else:
            parts = self.books.bet(game, stake)
        self._expect("stake", (stake, *parts), (answer["bet_amount"], *answer["funds"].values()))

    def one_call(self, game: str, stake: int, package: Package | None, win: int) -> None:
        before = self.books.copy()
        spin = self._spin("spin, one call", game, stake, package, f"&win={win}")
        answer = self._ask(spin)
        self._stake(answer, game, stake, package)
        self._expect("win", ("closed", self.books.win(win)), (answer["state"], answer["win_amount"]))
        self._check("a spin in one call", answer)
        # The last free spin may have ended a bonus that its rollback does not bring back: the books don't know which.
        may_roll_back = package is None or package.left > 0
        if may_roll_back and self._luck.random() < self._manners.rollback_share:
            self._roll_back(spin, before)

    def _two_calls(self, game: str, stake: int, package: Package | None, win: int) -> None:
        before = self.books.copy()
        spin = self._spin("spin", game, stake, package, "")
        answer = self._ask(spin)
        self._stake(answer, game, stake, package)
        self._check("a spin", answer)
        if self._luck.random() < ROUND_OPEN_SHARE:
            self._be_impatient(game, stake, answer["session_id"])
        self._manners.pause()
        if self._luck.random() < self._manners.rollback_share:
            self._roll_back(spin, before)
            return
        body = {"player_id": self.player_id, "win": win}
        answer = self._ask(self._request("result", "game_server", f"/spin/{answer['session_id']}/result", body))
        self._expect("win", ("closed", self.books.win(win)), (answer["state"], answer["win_amount"]))
        self._check("a result", answer)

    def _be_impatient(self, game: str, stake: int, session_id: str) -> None:
        answer = self._ask(self._spin("spin refused", game, stake, None, ""), ("round_open",))
        self._expect(
            "spin in an open round", ("round_open", session_id), (answer.get("code"), answer.get("session_id"))
        )

    def _roll_back(self, spin: Request, before: Books) -> None:
        """Takes the bet back, alone."""
        body = {"player_id": self.player_id, "transaction_id": spin.key}
        answer = self._ask(self._request("rollback", "game_server", "/spin/rollback", body))
        self.books = self.books.rolled_back(before)
        self._expect("rollback", "rolled_back", answer["status"])
        self._check("a rollback", answer)
        self._tally.count("rollbacks")

    # --- the day of reckoning

    def reconcile(self) -> None:
        """Compares wallets, bonuses, free spins and open rounds with the server's, and adds both sides to the sums."""
        books, balance = self.books, self.books.balance
        view = self._caller.ask(Request("reconcile", "platform", "GET", f"/players/{self.player_id}"))
        self._expect("balance at the end", balance, view["balance"])
        self._expect("bonuses at the end", books.grants, _grants(view))
        spins = sum(package["free_spins_remaining"] for package in view["free_spins"])
        self._expect("free spins at the end", (books.spins, []), (spins, view["open_rounds"]))
        for side, money in (("expected", balance), ("held", view["balance"])):
            self._tally.count(f"{side}_real", money["real"])
            self._tally.count(f"{side}_bonus", money["bonus"])
        self._tally.count("reconciled")


def _grants(view: dict[str, Any]) -> list[tuple[int, int]]:
    return sorted((grant["balance"], grant["remaining_wager"]) for grant in view["grants"])
