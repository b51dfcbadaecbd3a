"""What callers send: patterns of ids and texts, hot bodies (msgspec structs), all others (strict pydantic models)."""

import re
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from actors.settings import SHARDS_MAX
from engine import identifiers
from engine.amounts import AMOUNT_MAX
from engine.calendar import LATEST_MS
from engine.canonical import canonical_address, canonical_payload
from engine.catalog import GameType
from engine.deciding.syntax import POINTS_AT_ONCE_MAX
from engine.switches import Scope

IDENTIFIER = f"^{identifiers.IDENTIFIER}$"
"""Player and game ids."""
VISIBLE = f"^{identifiers.REFERENCE}$"
"""References that others give: round ids, transaction ids, devices."""
OWN_ID = f"^{identifiers.OWN_ID}$"
"""Ids that Croupier gives: of rounds, grants, packages, withdrawals, redemptions."""
ADVANCE_SECONDS_MAX = 10 * 365 * 86_400
"""Ten years, for one step of the sandbox clock."""
REPLAYED_IDS_MAX = 100
"""Events that one replay may name."""
MEMBER = r"^[A-Za-z0-9][A-Za-z0-9.:_-]{0,127}$"
"""A shard, or a node by its name or address."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ONE_LINE: dict[str, Any] = {"pattern": r"^[^\x00-\x1f\x7f]*$"}
_ADDRESS: dict[str, Any] = {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}], "minLength": 2}
_NAMED: list[JsonValue] = [
    {"properties": {"scope": {"const": "all"}, "id": {"type": "null"}}},
    {"properties": {"scope": {"enum": ["game", "campaign", "player"]}, "id": {"type": "string"}}, "required": ["id"]},
]
"""JSON Schema of which switches have a name."""
_NOT_ZERO: dict[str, Any] = {"not": {"const": 0}}

NO_NEWLINE = r"(?!\n)"
"""msgspec uses Python's `$`, which also matches before a final newline. The `$` of JSON Schema does not."""
HotIdentifier = Annotated[str, Meta(pattern=IDENTIFIER + NO_NEWLINE)]
HotReference = Annotated[str, Meta(pattern=VISIBLE + NO_NEWLINE)]
HotStake = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
HotWin = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
HotSession = Annotated[str, Meta(pattern=OWN_ID + NO_NEWLINE)]


class HotBody(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Base of the hot routes' bodies."""


class ResultBody(HotBody):
    """`POST /spin/{session_id}/result`. `settles`: the Idempotency-Key of the bet that the win belongs to."""

    player_id: HotIdentifier
    win: HotWin
    final: bool = True
    settles: HotReference | None = None


class AddBetBody(HotBody):
    """`POST /spin/{session_id}/bet`."""

    player_id: HotIdentifier
    amount: HotStake


class CancelBody(HotBody):
    """`POST /spin/{session_id}/cancel`."""

    player_id: HotIdentifier


class RollbackBody(HotBody):
    """`POST /spin/rollback`: `transaction_id` is the Idempotency-Key of the bet."""

    player_id: HotIdentifier
    transaction_id: HotReference


class RequestModel(BaseModel):
    """Base of the other routes' bodies: no coercion, no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must be one line, without control characters")
    return text


def _some(points: int) -> int:
    if points == 0:
        raise ValueError("must not be 0")
    return points


def _small(payload: dict[str, Any]) -> dict[str, Any]:
    canonical_payload(payload)
    return payload


Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]
Country = Annotated[str, Field(pattern=f"^{identifiers.COUNTRY}$")]
Ip = Annotated[str, Field(max_length=45, json_schema_extra=_ADDRESS), AfterValidator(canonical_address)]
Reference = Annotated[str, Field(pattern=VISIBLE)]
Reason = Annotated[str, Field(min_length=1, max_length=500, json_schema_extra=_ONE_LINE), AfterValidator(_one_line)]
Segment = Annotated[str, Field(pattern=f"^{identifiers.SEGMENT}$")]


class RegisterRequest(RequestModel):
    """`PUT /players/{player_id}`; a field that is left out stays as it is."""

    currency: Annotated[str, Field(pattern=f"^{identifiers.CURRENCY}$")]
    country: Country | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] | None = None
    segments: Annotated[list[Segment], Field(max_length=32)] | None = None


class DepositRequest(RequestModel):
    """`POST /players/{player_id}/deposits`."""

    amount: Amount
    payment_instrument: Reference | None = None
    ip: Ip | None = None
    device: Reference | None = None


class GrantRequest(RequestModel):
    """`POST /players/{player_id}/bonuses`: an operator's manual grant."""

    campaign_id: Annotated[str, Field(pattern=IDENTIFIER)]
    reason: Reason


class ReasonRequest(RequestModel):
    """The reason of a block, an unblock, or another decision of an operator."""

    reason: Reason


class EmptyRequest(RequestModel):
    """A request without content: no body at all, or `{}`."""


class EnableRequest(RequestModel):
    """`POST /webhooks/{name}/enable`; `from_now`: what happened while the endpoint was disabled is left out."""

    from_now: bool = False


class ReplayRequest(RequestModel):
    """`POST /webhooks/{name}/replay`: either `ids` of events, or when they happened (Unix ms), by default until now."""

    ids: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=REPLAYED_IDS_MAX)] = []
    from_ms: Annotated[int | None, Field(ge=0, le=LATEST_MS)] = None
    to_ms: Annotated[int | None, Field(ge=0, le=LATEST_MS)] = None


class WithdrawalRequest(RequestModel):
    """`POST /players/{player_id}/withdrawals`; `forfeit_bonuses` agrees to what `bonus_would_be_lost` lists."""

    amount: Amount
    forfeit_bonuses: bool = False


class SessionRequest(RequestModel):
    """`POST /players/{player_id}/sessions`; `country` is where the player claims to be."""

    ip: Ip | None = None
    device: Reference | None = None
    country: Country | None = None


class EventRequest(RequestModel):
    """`POST /players/{player_id}/events`; `payload` is a JSON object of at most 4 KiB, never interpreted.

    Another payload under the same key is another command.
    """

    name: Annotated[str, Field(pattern=f"^{identifiers.EVENT_NAME}$")]
    payload: Annotated[dict[str, Any], AfterValidator(_small)] | None = None

    def canonical_payload(self) -> str:
        """The payload as part of the command's content; "" if there is none."""
        return "" if self.payload is None else canonical_payload(self.payload)


class CodeRequest(RequestModel):
    """`POST /players/{player_id}/codes`; a-z and A-Z are the same; all other characters differ."""

    code: Annotated[str, Field(min_length=1, max_length=64, json_schema_extra=_ONE_LINE), AfterValidator(_one_line)]


class ReportedBetRequest(RequestModel):
    """`POST /players/{player_id}/bets`: a bet made on another vertical."""

    amount: Amount
    game_type: GameType


class BetRollbackRequest(RequestModel):
    """`POST /players/{player_id}/bets/rollback`: `transaction_id` is the Idempotency-Key of the bet."""

    transaction_id: Reference


class PlayerRequest(RequestModel):
    """`POST /loyalty/redemptions/{redemption_id}/confirm` and `/cancel`: the player who redeems."""

    player_id: Annotated[str, Field(pattern=IDENTIFIER)]


class AdjustPointsRequest(PlayerRequest):
    """`POST /loyalty/points/add`: whole points, negative to take some away."""

    points: Annotated[
        int,
        Field(ge=-POINTS_AT_ONCE_MAX, le=POINTS_AT_ONCE_MAX, json_schema_extra=_NOT_ZERO),
        AfterValidator(_some),
    ]
    reason: Reason


class ForceLevelRequest(PlayerRequest):
    """`POST /loyalty/status/update`: a level of the ladder."""

    level: Annotated[str, Field(pattern=IDENTIFIER)]
    reason: Reason


class RedemptionRequest(PlayerRequest):
    """`POST /loyalty/redemptions`: whole points."""

    points: Annotated[int, Field(ge=1, le=POINTS_AT_ONCE_MAX)]


class CancelGrantRequest(RequestModel):
    """`POST /players/{player_id}/bonuses/{grant_id}/cancel`; the player needs no reason."""

    reason: Reason | None = None


class SwitchRequest(RequestModel):
    """`POST /switches`: `enabled` false switches something off, true switches it on again.

    `id` names the game, campaign or player; the scope `all` has none.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, json_schema_extra={"oneOf": _NAMED})

    scope: Scope
    id: Annotated[str | None, Field(pattern=IDENTIFIER)] = None
    enabled: bool
    reason: Reason | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.scope == "all") != (self.id is None):
            raise ValueError("id must be left out for the scope all, and given for every other scope")
        return self


class ClockRequest(RequestModel):
    """`POST /sandbox/clock`."""

    advance_seconds: Annotated[int, Field(ge=1, le=ADVANCE_SECONDS_MAX)]


class ScaleRequest(RequestModel):
    """`POST /cluster/scale`: so many shards, without those of dedicated players."""

    shards: Annotated[int, Field(ge=1, le=SHARDS_MAX)]


class DrainRequest(RequestModel):
    """`POST /cluster/drain`: either a shard or a node; a node by its name, the first six characters of it, or its
    address.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["shard"]}, {"required": ["node"]}]})

    shard: Annotated[str, Field(pattern=MEMBER)] = ""
    node: Annotated[str, Field(pattern=MEMBER)] = ""
