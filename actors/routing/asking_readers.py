"""Asking a reader of the journal by way of the supervisor, which knows where it runs."""

from actors.routing.client import ShardClient
from actors.wire.frames import AskReader, Failed, ReaderSaid, ReadersReport, ReadersStatus
from snapshots.contract import Address

ASK_TIMEOUT_S = 35.0


class ReaderUnavailable(Exception):
    """There is no answer from the reader. The message says why, for the operator."""


async def ask_reader(client: ShardClient, name: str, request: bytes, timeout_s: float = ASK_TIMEOUT_S) -> bytes:
    """The reader's answer; request and answer are JSON. Raises ReaderUnavailable."""
    try:
        answer = await client.control(_supervisor(client), AskReader(name, request), timeout_s)
    except (OSError, TimeoutError) as failure:
        raise ReaderUnavailable(f"the supervisor does not answer: {str(failure) or 'it is silent'}") from failure
    if not isinstance(answer, ReaderSaid):
        raise ReaderUnavailable(answer.reason if isinstance(answer, Failed) else f"the supervisor answered {answer}")
    return answer.answer


async def reader_states(client: ShardClient, timeout_s: float) -> ReadersReport:
    """All configured readers as the supervisor sees them. Raises OSError, TimeoutError."""
    answer = await client.control(_supervisor(client), ReadersStatus(), timeout_s)
    return answer if isinstance(answer, ReadersReport) else ReadersReport(())


def _supervisor(client: ShardClient) -> Address | None:
    return None if client.routing is None else client.routing.supervisor
