"""How a gateway reaches the readers of the journal: through the supervisor, which knows where they run."""

from actors.routing.asking_readers import ReaderUnavailable, ask_reader
from actors.routing.client import ShardClient
from gateway.ports import ControlUnavailable


class AskedReaders:
    """Implements `gateway.ports.ReadersPort`."""

    def __init__(self, client: ShardClient) -> None:
        self._client = client

    async def ask_reader(self, name: str, request: bytes) -> bytes:
        """See `gateway.ports.ReadersPort`."""
        try:
            return await ask_reader(self._client, name, request)
        except ReaderUnavailable as problem:
            raise ControlUnavailable(str(problem)) from problem
