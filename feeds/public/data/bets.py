"""Bets, wins and rounds, and bets on other verticals."""

from feeds.public.data.base import Currency, MicroEur, MinorUnits, PublicData


class BetPlaced(PublicData, frozen=True):
    """A stake was taken. `amount` = `real` + `bonus`; a free spin has its stake as `amount` and takes nothing.

    `opens_round`: the first bet of its round. `grant_id` paid `bonus`, and its wagering fell by `counted`.
    """

    session_id: str
    game_id: str
    mode: str
    """`real` or `freespin`."""
    amount: MinorUnits
    real: MinorUnits
    bonus: MinorUnits
    opens_round: bool
    turnover_micro_eur: MicroEur
    """The stake in EUR; 0 for a free spin."""
    counted: MinorUnits
    round_id: str | None = None
    grant_id: str | None = None
    package_id: str | None = None
    currency: Currency = None


class WinCredited(PublicData, frozen=True):
    """A result was credited: `reported` is what the game said, `real` + `bonus` what the player got.

    `closes_round`: the round ended with this result. `bet_command_id`: the one bet that the result belongs to, if it
    named one. A result of 0 is told, too: it ends a round that was lost.
    """

    session_id: str
    reported: MinorUnits
    real: MinorUnits
    bonus: MinorUnits
    closes_round: bool
    grant_id: str | None = None
    bet_command_id: str | None = None
    game_id: str | None = None
    round_id: str | None = None
    currency: Currency = None


class RoundCancelled(PublicData, frozen=True):
    """An open round was undone with all its bets: the game cancelled it, or its time-out refunded it.

    `real` and `bonus` came back to the player; `turnover_micro_eur` is negative or 0: it no longer counts.
    """

    session_id: str
    game_id: str
    real: MinorUnits
    bonus: MinorUnits
    turnover_micro_eur: MicroEur
    free_spins_returned: int
    package_id: str | None = None
    currency: Currency = None


class RoundRolledBack(PublicData, frozen=True):
    """Bets were rolled back by their ids; in a round of one call, its win with them.

    `real` and `bonus` are what the player's money changed by: negative if a win was taken back. `bet_command_ids` are
    the bets undone. `stays_open`: the round goes on with its other bets. `kept_awards`: grants and packages that the
    bet had triggered; the player keeps them.
    """

    session_id: str
    game_id: str
    real: MinorUnits
    bonus: MinorUnits
    turnover_micro_eur: MicroEur
    bet_command_ids: tuple[str, ...]
    stays_open: bool
    kept_awards: tuple[str, ...]
    free_spins_returned: int
    package_id: str | None = None


class RoundFlagged(PublicData, frozen=True):
    """A round has been open for longer than its time-out and waits for its result, or for an operator."""

    session_id: str


class RoundTimedOut(PublicData, frozen=True):
    """The time-out ended a round: `refund` (RoundCancelled comes before this) or `close` (it ended as it stood)."""

    session_id: str
    game_id: str
    action: str


class RefusalFlagged(PublicData, frozen=True):
    """A result or rollback was refused with `code`, and its `amount` waits for an operator.

    `refused_command_id` is the refused command; `bet_command_id` the bet that a rollback named.
    """

    refused_command_id: str
    code: str
    session_id: str
    amount: MinorUnits
    bet_command_id: str | None = None


class RefusalCleared(PublicData, frozen=True):
    """An operator has dealt with a refusal that was flagged, and said how."""

    flag_id: str
    code: str
    session_id: str
    amount: MinorUnits
    reason: str


class BetReported(PublicData, frozen=True):
    """A bet on another vertical was reported: it counts for turnover and points, and moves no money here."""

    game_type: str
    amount: MinorUnits
    turnover_micro_eur: MicroEur


class ReportedBetRolledBack(PublicData, frozen=True):
    """A reported bet no longer counts; `turnover_micro_eur` is negative or 0."""

    bet_command_id: str
    turnover_micro_eur: MicroEur
    kept_awards: tuple[str, ...]
