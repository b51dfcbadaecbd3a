"""HEAD over real sockets: the server sends no body, says how long it would be, and goes on with the connection."""

import socket
from collections.abc import Callable

import pytest

from tests.support.croupier_up import SIGNERS, Api
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize(
    "path", ["/players/{p}", "/players/{p}/bonuses", "/loyalty/{p}", "/loyalty/levels", "/players/no"]
)
def test_a_signed_head_answers_like_get(api: Api, new_player: Callable[..., str], path: str) -> None:
    target = path.replace("{p}", new_player())
    got, headed = (api.platform(method, target) for method in ("GET", "HEAD"))
    assert (headed.status_code, headed.content) == (got.status_code, b"")
    assert {name: got.headers[name] for name in ("content-type", "content-length")}.items() <= headed.headers.items()


def test_a_round_is_there_or_not(api: Api, new_player: Callable[..., str]) -> None:
    player_id = new_player()
    spin = api.game("POST", f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real&bet=100").json()
    for session_id, status in ((spin["session_id"], 200), ("nobodys-1", 404)):
        assert api.game("HEAD", f"/spin/{session_id}?player_id={player_id}").status_code == status


def test_the_connection_goes_on(api: Api, new_player: Callable[..., str]) -> None:
    target = f"/players/{new_player()}"
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        for method in ("HEAD", "HEAD", "GET"):
            proof = SIGNERS["platform"].proof(method, target, "", b"")
            connection.sendall(f"{method} {target} HTTP/1.1\r\nhost: x\r\n{proof}\r\n".encode())
            answer = b""
            while not answer.endswith(b"\r\n\r\n" if method == "HEAD" else b"}"):
                answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert (b"{" in answer) == (method == "GET")
