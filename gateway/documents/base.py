"""The JSON of the API that several topics share: money, rounds, health, problem documents.

Field names are fixed; amounts are integers in minor units. What callers send is in `gateway.documents.requests`.
"""

from typing import Annotated, Any, Literal

import msgspec

from engine.answers import RoundState
from engine.commands import Mode
from gateway.documents.visible import VIP


class Json(msgspec.Struct, gc=False):
    """Base of all answers."""


class AsOfJson(Json):
    """The snapshot that a stale answer was made of: the player's version, and when the player came to it."""

    version: int
    at: str


class ReadJson(Json, kw_only=True):
    """Base of what is read of one player.

    `stale` (true): the player's shard is out of reach, and this is what the last snapshot says; `as_of` comes with it.
    """

    stale: bool | msgspec.UnsetType = msgspec.UNSET
    as_of: AsOfJson | msgspec.UnsetType = msgspec.UNSET


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


class StandingJson(Json):
    """Level (null without a ladder) and whole points available, rounded down, after this step."""

    level: Annotated[str | None, VIP]
    points: int


class SpinAnswer(Json):
    """A round, after a spin, bet, result or cancel, or when asked for.

    `flagged`: the round is open beyond its time-out.
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
    funds: FundsJson
    balance: BalanceJson
    wagering: WageringJson
    loyalty: StandingJson
    replayed: bool
    flagged: bool = False


class RollbackJson(Json):
    """`tombstoned`: there is no such bet yet, and one that comes later is refused.

    `kept_grants`: the bet had triggered them, and they stay.
    """

    status: Literal["rolled_back", "tombstoned"]
    kept_grants: tuple[str, ...]
    player_id: str
    session_id: str | None
    balance: BalanceJson | None
    replayed: bool


class RoundsJson(ReadJson):
    """Rounds, newest first."""

    player_id: str
    rounds: list[SpinAnswer]


class WaitingJson(Json):
    """Nothing was done yet: a second person must approve it, `why` says by which rule. See `GET /approvals`."""

    approval_id: str
    status: Literal["waiting"]
    why: str
    expires_at: str
    replayed: bool


class HealthJson(Json):
    """`detail` says why the gateway is not ready, or what is degraded: then spins are refused."""

    status: Literal["live", "ready", "degraded", "not_ready"]
    detail: str = ""


class MetricTargetJson(Json):
    """One entry of Prometheus HTTP service discovery."""

    targets: list[str]
    labels: dict[str, str]


class OperationJson(Json):
    """A live operation. `state` is `running`, `done` or `failed`; `trouble` says why it waits, or has failed.

    `slots_left` still have to move, `shards_left` to be replaced. `longest_wait_ms` is the longest for which a group of
    players had no shard while their slots moved.
    """

    number: int
    kind: Literal["scale", "drain", "rolling_restart", "rebalance"]
    asked: str
    by: str
    state: Literal["running", "done", "failed"]
    trouble: str | None
    began_at: str
    ended_at: str | None
    slots_moved: int
    slots_left: int
    shards_done: int
    shards_left: int
    longest_wait_ms: int


class OperationBegunJson(Json):
    """The operation as it stands; it goes on by itself. `replayed`: it had been begun before under the same key."""

    operation: OperationJson
    replayed: bool


class ClusterJson(Json):
    """Shards, epochs, slots and players as this gateway knows them, the readers of the journal, and the live operation
    that runs, or ran last.
    """

    shards: list[dict[str, Any]]
    readers: list[dict[str, Any]] = []
    operation: OperationJson | None = None


class ProblemError(Json):
    """What is wrong, and where: a `field` of the request, or a `line` of a catalog's `file`."""

    reason: str
    field: str | None = None
    file: str | None = None
    line: int | None = None


class ProblemJson(Json):
    """RFC 9457, with the program's next step in `action`; refusals add fields such as `balance` or `session_id`.

    `grant_declined` has the gate's `reasons`, the awards in `declined`, and `replayed`.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    retryable: bool
    action: Literal["fix_request", "retry_same_key", "deposit", "refresh", "stop"]
    errors: list[ProblemError] = []
    reasons: list[str] = []
