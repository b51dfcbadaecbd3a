"""Many requests over a few keep-alive connections, as fast as they are answered: a run's set-up and its check."""

from collections.abc import Iterable, Iterator

from benchmarks.http_socket import Answer, HttpSocket, connected, readable

CONNECTIONS = 64
ANSWER_TIMEOUT_S = 30


class SetupFailed(Exception):
    """The server refused something that had to work before or after a measurement."""


def send_all(url: str, requests: Iterable[bytes], connections: int = CONNECTIONS) -> Iterator[bytes]:
    """Bodies of the answers, in no order. Raises SetupFailed unless every one is 200 or 201; OSError."""
    left = iter(requests)
    with connected(url, connections) as sockets:
        waiting = {one for one in sockets if _sent(one, left)}
        while waiting:
            ready = readable(waiting, ANSWER_TIMEOUT_S)
            if not ready:
                raise SetupFailed(f"{url} did not answer for {ANSWER_TIMEOUT_S} s")
            for one in ready:
                answer = one.receive()
                if answer is None:
                    continue
                if not _sent(one, left):
                    waiting.discard(one)
                yield _body(answer)


def _sent(one: HttpSocket, left: Iterator[bytes]) -> bool:
    """Sends the next request; False if none is left."""
    request = next(left, None)
    if request is None:
        return False
    one.send(request)
    return True


def _body(answer: Answer) -> bytes:
    if answer.status not in (200, 201):
        raise SetupFailed(f"{answer.status}: {answer.body[:500].decode(errors='replace')}")
    return answer.body
