"""What the gateway needs to know about live operations: scale, drain, rolling restart, rebalance."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from gateway.ports import KeyTaken


class OperationAsked(NamedTuple):
    """`kind` is `scale` (to so many `shards`), `drain` (of a `shard` or a `node`), `rolling_restart`, `rebalance`."""

    kind: str
    shards: int = 0
    shard: str = ""
    node: str = ""


class OperationBegun(NamedTuple):
    """It goes on by itself. `operation` is its JSON, as in `GET /cluster`; `replayed`: it was begun before."""

    operation: Mapping[str, Any]
    replayed: bool = False


class OperationRefused(NamedTuple):
    """Nothing was begun: `code` has a row in the table of errors."""

    code: str
    detail: str


class OperationsPort(Protocol):
    """The supervisor, as far as it carries out operations on the running cluster."""

    async def begin(
        self, asked: OperationAsked, by: str, command_id: str
    ) -> OperationBegun | OperationRefused | KeyTaken:
        """Begins an operation, once per id. Raises ControlUnavailable: repeat it with the same id."""
