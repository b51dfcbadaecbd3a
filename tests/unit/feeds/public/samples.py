"""One transition, or more, for every public event, as the journal holds them."""

from typing import Final

import msgspec

from engine import events as e
from engine.answers import Balance, DepositAnswer, Points, RedemptionAnswer, RoundAnswer, Wagering, WithdrawalAnswer
from engine.catalog import Privileges
from engine.state import FreeSpinPackage, Grant, GrantState, GrantTerms
from engine.transition import Transition
from tests.support.played_journal import START_MS, spin, transition

BALANCE: Final = Balance(real=900, bonus=100, bonus_usable=100, withdrawable=900)
TERMS: Final = GrantTerms(multiplier_micro=35_000_000)
_encode = msgspec.msgpack.encode


def grant(state: GrantState, **changed: object) -> Grant:
    """A grant of 1 000 for a deposit."""
    made = Grant(
        grant_id="g4-1",
        campaign_id="welcome",
        state=state,
        amount=1_000,
        balance=1_000,
        remaining_wager=35_000,
        wager_total=35_000,
        terms=TERMS,
        granted_ms=START_MS,
        valid_to_ms=START_MS + 86_400_000,
        source="first_deposit",
        deposit_id="d4",
    )
    return msgspec.structs.replace(made, **changed)


PACKAGE: Final = FreeSpinPackage(
    package_id="p5-1",
    campaign_id="spins",
    count=10,
    remaining=10,
    bet=20,
    games=("book", "fruit"),
    valid_from_ms=START_MS,
    valid_to_ms=START_MS + 86_400_000,
    wager_multiplier_micro=30_000_000,
    max_win=5_000,
    won=0,
    winnings_grant_id=None,
    winnings_terms=TERMS,
    winnings_valid_ms=None,
    campaign_valid_to_ms=START_MS + 86_400_000,
)


def of_round(**changed: object) -> bytes:
    """The answer about a round."""
    made = RoundAnswer(
        session_id="s-7",
        round_id="r-7",
        game_id="book",
        mode="real",
        stage=1,
        bet_amount=50,
        win_amount=80,
        win_reported=80,
        remaining_spins=0,
        currency="EUR",
        funds_real=30,
        funds_bonus=20,
        balance=BALANCE,
        wagering=Wagering(),
        time_ms=START_MS,
    )
    return _encode(msgspec.structs.replace(made, **changed))


DEPOSIT: Final = _encode(DepositAnswer(deposit_id="d4", amount=5_000, nth=1, currency="EUR", balance=BALANCE))
WITHDRAWAL: Final = _encode(
    WithdrawalAnswer(withdrawal_id="w1", amount=700, state="reserved", currency="EUR", balance=BALANCE)
)
REDEMPTION: Final = _encode(
    RedemptionAnswer(
        redemption_id="rd1",
        state="locked",
        redeemed=500,
        amount=250,
        currency="EUR",
        expires_ms=START_MS + 1,
        points=Points(0, 500, 0, 0, 500),
        balance=BALANCE,
    )
)

_EVENTS: Final[list[tuple[tuple[e.AnyEvent, ...], bytes]]] = [
    ((e.PlayerRegistered("EUR", "MT", "en", ("vip",), "bronze", 2),), b""),
    ((e.PlayerRegistered("EUR", None, None, ()),), b""),
    ((e.PlayerUpdated("DE", "de", ("vip", "new")),), b""),
    ((e.PlayerBlocked("self_exclusion"),), b""),
    ((e.PlayerUnblocked("end of exclusion"),), b""),
    ((e.SessionStarted("203.0.113.9", "device-1", "MT", "MT", 950_000),), b""),
    (
        (
            e.DepositMade("d4", 5_000, 1, "card-1", "203.0.113.9", "device-1", "MT", 50_000_000),
            e.GrantCreated(grant("granted")),
            e.GrantActivated("g4-1"),
        ),
        DEPOSIT,
    ),
    ((e.WithdrawalRequested("w1", 700, ("g4-1",), ("p5-1",), "priority"),), WITHDRAWAL),
    ((e.GrantCancelled("g4-1", "welcome", 1_000, "withdrawal"), e.WithdrawalConfirmed("w1", 700)), WITHDRAWAL),
    ((e.WithdrawalCancelled("w1", 700),), WITHDRAWAL),
    (
        (
            e.BetPlaced(
                session_id="s-7",
                game_id="book",
                mode="real",
                amount=50,
                real=30,
                bonus=20,
                grant_id="g4-1",
                counted=50,
                opens=True,
                round_id="r-7",
                turnover_micro=500_000,
                points_micro=2_500_000,
            ),
        ),
        of_round(stage=0),
    ),
    (
        (
            e.WinCredited(
                session_id="s-7",
                reported=80,
                real=48,
                bonus=32,
                grant_id="g4-1",
                wager_added=0,
                closes=True,
                settles="game-server:11",
            ),
        ),
        of_round(),
    ),
    (
        (
            e.BetPlaced(
                session_id="s-8",
                game_id="book",
                mode="freespin",
                amount=20,
                real=0,
                bonus=0,
                grant_id=None,
                counted=0,
                opens=True,
                package_id="p5-1",
            ),
        ),
        of_round(session_id="s-8", mode="freespin"),
    ),
    (
        (
            e.RoundReversed(
                session_id="s-7",
                game_id="book",
                real=30,
                grants=(e.GrantDelta("g4-1", 20, 50),),
                package_id=None,
                spins=0,
                package_won=0,
                tombstones=(),
                turnover_micro=-500_000,
                points_micro=-2_500_000,
            ),
        ),
        of_round(stage=2),
    ),
    (
        (
            e.RoundReversed(
                session_id="s-8",
                game_id="book",
                real=0,
                grants=(),
                package_id="p5-1",
                spins=1,
                package_won=0,
                tombstones=("game-server:12",),
                kept_grants=("g9-1",),
            ),
        ),
        b"",
    ),
    ((e.RoundFlagged("s-9"),), b""),
    ((e.RoundTimedOut("s-9", "book", "close"),), b""),
    ((e.FlaggedForOperator("game-server:13", "round_refunded", "s-9", 400, "game-server:10"),), b""),
    ((e.FlagCleared("f0123456789abcdef", "round_refunded", "s-9", 400, "paid by hand"),), b""),
    ((e.BetReported("sports", 1_000, 10_000_000, 5_000_000),), b""),
    ((e.ReportedBetReversed("game-server:14", -10_000_000, ("g20-1",), -5_000_000),), b""),
    ((e.GrantCreated(grant("initiated", awaits_claim=True, reasons=("same_device",))),), b""),
    ((e.GrantCreated(grant("declined", reasons=("same_device",))),), b""),
    ((e.GrantDeclined("g4-1", "welcome", "abuse"),), b""),
    ((e.GrantClaimed("g4-1", "welcome"), e.BonusGranted("g4-1", "welcome", 1_000, START_MS + 5, 23)), b""),
    ((e.GrantApproved("g4-1", "welcome", "looks good"),), b""),
    ((e.GrantHeld("g4-1", "welcome", "min_average_bet"),), b""),
    ((e.GrantHoldLifted("g4-1", "welcome"),), b""),
    ((e.GrantReleased("g4-1", "welcome", "checked"), e.BonusRedeemed("g4-1", "welcome", 900, 100)), b""),
    ((e.GrantExhausted("g4-1", "welcome"),), b""),
    ((e.GrantExpired("g4-1", "welcome", 1_000, True),), b""),
    ((e.GrantReopened("g4-1", 900, 1_000, "in_wager"),), b""),
    ((e.GrantMoved("g4-1", "welcome", "granted", "in_wager"), e.PlayerNotified("g4-1", "welcome", "in_wager")), b""),
    ((e.FreeSpinsGranted(PACKAGE),), b""),
    ((e.FreeSpinsExpired("p5-1", 3),), b""),
    ((e.FreeSpinsCancelled("p5-1", "spins", 3, "abuse"),), b""),
    (
        (
            e.LevelChanged(
                old="bronze",
                new="silver",
                reason="forced",
                privileges=Privileges(1_200_000, 50_000, "shared", 950_000, "priority", ("lounge",)),
                forced=True,
                remark="a friend of the house",
            ),
        ),
        b"",
    ),
    ((e.PointsAdjusted(-3_000_000, "mistake"),), b""),
    ((e.PointsExpired(7_000_000),), b""),
    ((e.PointsReturned("rd1", 500),), b""),
    ((e.RedemptionRequested("rd1", 500, 250, START_MS + 1),), REDEMPTION),
    ((e.RedemptionConfirmed("rd1", 500, 250),), REDEMPTION),
    ((e.RedemptionEnded("rd1", 500, True),), REDEMPTION),
    ((e.CashbackSettled(2_910, "silver", 10_000, 4_000, 50_000, 300, "", 100),), b""),
    ((e.CashbackSettled(2_911, "silver", 100, 40, 50_000, 0, "under_minimum"),), b""),
    ((e.PlayerErased("asked by her mother"),), b""),
]

TRANSITIONS: Final[list[Transition]] = [
    *(transition("anna", version, events, answer) for version, (events, answer) in enumerate(_EVENTS, start=1)),
    spin("anna", len(_EVENTS) + 1),
    transition("anna", len(_EVENTS) + 2, (e.GrantReopened("g4-1", 900, 1_000, "in_wager", "welcome", START_MS + 5),)),
]
"""All of one player, in versions without gaps."""
