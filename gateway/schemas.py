"""The JSON of the API: request bodies and answers. Field names are fixed; amounts are integers in minor units.

Hot bodies and all answers are msgspec structs; bodies of the FastAPI routes are strict pydantic models.
"""

from ipaddress import ip_address
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from engine.amounts import AMOUNT_MAX
from engine.answers import RoundState
from engine.commands import Mode
from engine.state import GrantState

IDENTIFIER = r"^[A-Za-z0-9._:@~-]{1,64}$"
"""Player and game ids."""
VISIBLE = r"^[\x21-\x7e]{1,128}$"
"""Other people's references: round ids, transaction ids, devices."""
_TEXT = r"^[^\x00-\x1f\x7f]{1,500}$"

# msgspec searches with Python's `$`, which also matches before a final newline.
_Identifier = Annotated[str, Meta(pattern=IDENTIFIER + r"(?!\n)")]
_Visible = Annotated[str, Meta(pattern=VISIBLE + r"(?!\n)")]
_Stake = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
_Win = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]


class HotBody(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Base of the hot routes' bodies."""


class ResultBody(HotBody):
    """`POST /spin/{session_id}/result`."""

    player_id: _Identifier
    win: _Win
    final: bool = True


class AddBetBody(HotBody):
    """`POST /spin/{session_id}/bet`."""

    player_id: _Identifier
    amount: _Stake


class CancelBody(HotBody):
    """`POST /spin/{session_id}/cancel`."""

    player_id: _Identifier


class RollbackBody(HotBody):
    """`POST /spin/rollback`: `transaction_id` is the Idempotency-Key of the bet."""

    player_id: _Identifier
    transaction_id: _Visible


class RequestModel(BaseModel):
    """Base of the other routes' bodies: no coercion, no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _address(text: str) -> str:
    if "%" in text:
        raise ValueError("an address without a zone is expected")
    return str(ip_address(text))


Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]
Reference = Annotated[str, Field(pattern=VISIBLE)]
Reason = Annotated[str, Field(pattern=_TEXT)]
Segment = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")]


class RegisterRequest(RequestModel):
    """`PUT /players/{player_id}`; what is left out stays as it is."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] | None = None
    segments: Annotated[list[Segment], Field(max_length=32)] | None = None


class DepositRequest(RequestModel):
    """`POST /players/{player_id}/deposits`."""

    amount: Amount
    payment_instrument: Reference | None = None
    ip: Annotated[str, Field(max_length=45), AfterValidator(_address)] | None = None
    device: Reference | None = None


class GrantRequest(RequestModel):
    """`POST /players/{player_id}/bonuses`: an operator's manual grant."""

    campaign_id: Annotated[str, Field(pattern=IDENTIFIER)]
    reason: Reason


class ReasonRequest(RequestModel):
    """Block and unblock."""

    reason: Reason


class Json(msgspec.Struct, gc=False):
    """Base of all answers."""


class FundsJson(Json):
    """How the stake was split."""

    real: int
    bonus: int


class BalanceJson(Json):
    """`bonus`: all grants; `bonus_usable`: the grant in wager; `withdrawable`: real money not reserved."""

    real: int
    bonus: int
    bonus_usable: int
    withdrawable: int


class WageringJson(Json):
    """The grant in wager after this step."""

    grant_id: str | None
    remaining: int
    counted: int
    max_bet: int | None


class SpinAnswer(Json):
    """A round, after a spin, bet, result or cancel, or when asked for."""

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
    funds: FundsJson
    balance: BalanceJson
    wagering: WageringJson
    replayed: bool


class RollbackJson(Json):
    """`tombstoned`: no such bet yet, and there will be none. `kept_grants` had been triggered by the bet and stay."""

    status: Literal["rolled_back", "tombstoned"]
    kept_grants: tuple[str, ...]
    player_id: str
    session_id: str | None
    balance: BalanceJson | None
    replayed: bool


class RoundsJson(Json):
    """Rounds, newest first."""

    player_id: str
    rounds: list[SpinAnswer]


class PlayerRegisteredJson(Json):
    """The profile after registration or update."""

    player_id: str
    currency: str
    country: str | None
    language: str | None
    segments: tuple[str, ...]
    replayed: bool


class GrantedJson(Json):
    """One award: a grant, a free spin package, or both."""

    campaign_id: str
    grant_id: str | None
    amount: int
    package_id: str | None
    free_spins: int


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


class ManualGrantJson(Json):
    """What the operator granted."""

    player_id: str
    granted: GrantedJson
    balance: BalanceJson
    replayed: bool


class BlockJson(Json):
    """The player's standing."""

    player_id: str
    blocked: bool
    reason: str
    replayed: bool


class TermsJson(Json):
    """A grant's frozen terms; `multiplier` is a decimal string, contributions are percent."""

    multiplier: str
    min_bet: int | None
    max_bet: int | None
    over_max_bet: str
    excluded_games: tuple[str, ...]
    excluded_policy: str
    contribution: dict[str, dict[str, int]]
    max_cashout: int | None
    funds_order: str | None


class GrantJson(Json):
    """One bonus bucket; `wagered_percent` is the part of the required wagering done, rounded down."""

    grant_id: str
    campaign_id: str
    state: GrantState
    amount: int
    balance: int
    remaining_wager: int
    wagered_percent: int
    granted_at: str
    valid_to: str
    terms: TermsJson
    reasons: tuple[str, ...]
    exhausted: bool


class GrantsJson(Json):
    """Grants, newest first."""

    grants: list[GrantJson]


class FreeSpinsJson(Json):
    """A free spin package."""

    package_id: str
    campaign_id: str
    games: tuple[str, ...]
    free_spins_remaining: int
    free_spin_bet_amount: int
    valid_from: str
    valid_to: str


class PlayerJson(Json):
    """Everything about the player. `stale`: from the last snapshot, while the player is not served."""

    player_id: str
    currency: str
    country: str | None
    language: str | None
    segments: tuple[str, ...]
    blocked: bool
    stale: bool
    balance: BalanceJson
    grants: list[GrantJson]
    free_spins: list[FreeSpinsJson]
    open_rounds: list[SpinAnswer]


class CatalogJson(Json):
    """`version` is the content hash of the catalog in force."""

    version: str


class HealthJson(Json):
    """`detail` says why not, if not."""

    status: Literal["live", "ready", "not_ready"]
    detail: str = ""


class MetricTargetJson(Json):
    """One entry of Prometheus HTTP service discovery."""

    targets: list[str]
    labels: dict[str, str]


class ClusterJson(Json):
    """Shards, epochs, slots, players and breakers as this gateway knows them."""

    shards: list[dict[str, Any]]


class ProblemError(Json):
    """One field that is wrong."""

    field: str
    reason: str


class ProblemJson(Json):
    """RFC 9457, with the program's next step in `action`; refusals add fields such as `balance` or `session_id`."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    retryable: bool
    action: Literal["fix_request", "retry_same_key", "deposit", "refresh", "stop"]
    errors: list[ProblemError] = []
