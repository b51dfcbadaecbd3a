"""The JSON of the API: players, deposits, withdrawals, sessions and what happens elsewhere. Amounts in minor units."""

from typing import Annotated

from engine.catalog import GameType
from engine.state import WithdrawalState
from gateway.documents.base import BalanceJson, Json, ReadJson, SpinAnswer
from gateway.documents.visible import PERSONAL, VIP
from gateway.routes.bonuses.schemas import FreeSpinsJson, GrantedJson, GrantJson
from gateway.routes.loyalty.schemas import LoyaltyJson


class PlayerRegisteredJson(Json):
    """The profile after registration or update."""

    player_id: str
    currency: str
    country: Annotated[str | None, PERSONAL]
    language: Annotated[str | None, PERSONAL]
    segments: Annotated[tuple[str, ...], PERSONAL]
    replayed: bool


class DepositJson(Json):
    """The deposit and what it triggered."""

    deposit_id: str
    player_id: str
    amount: int
    currency: str
    balance: BalanceJson
    granted: list[GrantedJson]
    declined: list[GrantedJson]
    replayed: bool


class BlockJson(Json):
    """The player's standing."""

    player_id: str
    blocked: bool
    reason: str
    replayed: bool


class ErasedJson(Json):
    """When the player's personal data was erased."""

    player_id: str
    erased_at: str
    replayed: bool


class ReservedJson(Json):
    """A withdrawal under way; `grants` and `packages` are the ids of what its confirmation removes."""

    withdrawal_id: str
    amount: int
    state: WithdrawalState
    grants: tuple[str, ...]
    packages: tuple[str, ...]


class FlaggedJson(Json):
    """A result or rollback refused with `code`, for an operator: `amount` is the win that was not moved.

    `transaction_id` is the bet that a rollback named, as `<client>:<Idempotency-Key>`; `session_id` is "" and `amount`
    0 if nothing is known of that bet any more. `flag_id` names the flag when it is cleared
    (`/players/{player_id}/flags/{flag_id}/clear`).
    """

    flag_id: str
    code: str
    session_id: str
    transaction_id: str
    amount: int
    flagged_at: str


class FlagClearedJson(Json):
    """A flagged refusal that an operator has dealt with, and how (`reason`)."""

    player_id: str
    flag_id: str
    code: str
    session_id: str
    amount: int
    reason: str
    replayed: bool


class PlayerJson(ReadJson):
    """Everything about the player.

    `withdrawals` wait to be confirmed or cancelled; `flagged` refusals wait for an operator. `erased_at`: when the
    player's personal data was erased.
    """

    player_id: str
    currency: str
    country: Annotated[str | None, PERSONAL]
    language: Annotated[str | None, PERSONAL]
    segments: Annotated[tuple[str, ...], PERSONAL]
    blocked: bool
    stale: bool
    balance: BalanceJson
    grants: list[GrantJson]
    free_spins: list[FreeSpinsJson]
    open_rounds: list[SpinAnswer]
    withdrawals: list[ReservedJson]
    loyalty: LoyaltyJson | None
    flagged: list[FlaggedJson]
    erased_at: str | None


class WithdrawalJson(ReservedJson):
    """A withdrawal after this step; `privilege` is how the player's level is served."""

    player_id: str
    currency: str
    balance: BalanceJson
    privilege: Annotated[str, VIP]
    replayed: bool


class SessionJson(Json):
    """Open rounds to be resumed, newest first (at most 16; the player's answer has all), and what it triggered.

    `min_rtp`: the return to player that the level asks of games launched from here, a decimal string; null: none.
    """

    player_id: str
    min_rtp: Annotated[str | None, VIP]
    open_rounds: list[SpinAnswer]
    granted: list[GrantedJson]
    declined: list[GrantedJson]
    replayed: bool


class AwardsJson(Json):
    """What an event or code triggered."""

    player_id: str
    balance: BalanceJson
    granted: list[GrantedJson]
    declined: list[GrantedJson]
    replayed: bool


class ReportedBetJson(Json):
    """A bet of another vertical; `turnover_eur` is a decimal string with two digits, rounded down.

    `points_earned` is an exact decimal string, `level` the one held after the bet, null without a ladder.
    """

    bet_id: str
    player_id: str
    amount: int
    game_type: GameType
    turnover_eur: Annotated[str, VIP]
    points_earned: str
    level: Annotated[str | None, VIP]
    granted: list[GrantedJson]
    declined: list[GrantedJson]
    replayed: bool
