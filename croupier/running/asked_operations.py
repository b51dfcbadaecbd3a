"""How a gateway has the supervisor begin a live operation."""

from hashlib import blake2b
from typing import Any, Final, cast

from actors.routing.client import ShardClient
from actors.routing.cluster_view import operation_json
from actors.wire.cluster_requests import ChangeCluster, Keyed, NotPossible, OperationBegun, OperationKind
from actors.wire.frames import Failed
from actors.wire.frames import KeyTaken as KeyIsTaken
from gateway.live_operations import OperationAsked, OperationRefused
from gateway.live_operations import OperationBegun as Begun
from gateway.ports import ControlUnavailable, KeyTaken

BEGIN_TIMEOUT_S: Final = 30.0
"""Spares on a drained node are asked who they are before the answer."""


class AskedOperations:
    """Implements `gateway.live_operations.OperationsPort`."""

    def __init__(self, client: ShardClient) -> None:
        self._client = client

    async def begin(self, asked: OperationAsked, by: str, command_id: str) -> Begun | OperationRefused | KeyTaken:
        """See `gateway.live_operations.OperationsPort`."""
        answer = await self._ask(
            ChangeCluster(cast(OperationKind, asked.kind), by, *asked[1:], _keyed(command_id, repr(asked)))
        )
        if isinstance(answer, KeyIsTaken):
            return KeyTaken()
        if isinstance(answer, NotPossible):
            return OperationRefused(answer.code, answer.detail)
        if not isinstance(answer, OperationBegun):
            raise ControlUnavailable(answer.reason if isinstance(answer, Failed) else f"unexpected answer {answer}")
        return Begun(operation_json(answer.operation), answer.replayed)

    async def _ask(self, body: ChangeCluster) -> Any:
        routing = self._client.routing
        try:
            return await self._client.control(routing.supervisor if routing else None, body, BEGIN_TIMEOUT_S)
        except OSError as failure:
            raise ControlUnavailable(f"the supervisor does not answer: {str(failure) or 'it is silent'}") from failure


def _keyed(command_id: str, content: str) -> Keyed:
    return Keyed(*(blake2b(text.encode(), digest_size=16).digest() for text in (command_id, content)))
