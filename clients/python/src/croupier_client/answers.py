"""What calls answer. Amounts are integers in minor units (1000 is 10.00 EUR). Fields of newer servers are ignored."""

from typing import Literal

import msgspec

Mode = Literal["real", "freespin"]
RoundState = Literal["open", "closed", "cancelled"]


class Document(msgspec.Struct, frozen=True, gc=False):
    """Base of all answers."""


class Funds(Document, frozen=True):
    """How the stake was split."""

    real: int
    bonus: int


class Balance(Document, frozen=True):
    """`bonus`: all grants; `bonus_usable`: the grant in wager; `withdrawable`: real money not reserved."""

    real: int
    bonus: int
    bonus_usable: int
    withdrawable: int


class Wagering(Document, frozen=True):
    """The grant in wager after this step: what remains to be wagered, what this step counted, its bet limit."""

    grant_id: str | None
    remaining: int
    counted: int
    max_bet: int | None


class Loyalty(Document, frozen=True):
    """Level (None without a ladder) and whole points available after this step."""

    level: str | None
    points: int


class SpinAnswer(Document, frozen=True):
    """A round, after a spin, bet, result or cancel, or when asked for.

    `remaining_spins`: free spins left for this game. `replayed`: the key was answered before, and this is that answer.
    `flagged`: open beyond its time-out. `key`: the key of this call, "" for `round`.
    """

    session_id: str
    round_id: str | None
    player_id: str
    game_id: str
    mode: Mode
    state: RoundState
    bet_amount: int
    win_amount: int
    win_reported: int
    remaining_spins: int
    currency: str
    funds: Funds
    balance: Balance
    wagering: Wagering
    loyalty: Loyalty
    replayed: bool
    flagged: bool = False
    key: str = ""


class RollbackAnswer(Document, frozen=True):
    """`tombstoned`: no such bet yet, and there will be none. `kept_grants` had been triggered by the bet and stay.

    `session_id` and `balance` are None for a tombstone. `key`: the key of this call.
    """

    status: Literal["rolled_back", "tombstoned"]
    kept_grants: tuple[str, ...]
    player_id: str
    session_id: str | None
    balance: Balance | None
    replayed: bool
    key: str = ""
