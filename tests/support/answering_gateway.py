"""A gateway on a real socket for commands of operators: it answers each path with a document, and remembers."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Answers = tuple[int, Any] | list[tuple[int, Any]]


class Gateway:
    """`answers` are (status, document) by path; `asked` is (method, path, body, authorization) of each request.

    `keys` are their Idempotency-Keys. A list of answers is given one by one, the last one again and again.
    """

    def __init__(self, answers: Mapping[str, Answers]) -> None:
        self.answers = dict(answers)
        self.keys: list[str | None] = []
        self.asked: list[tuple[str, str, Any, str | None]] = []
        self.url = ""


@contextmanager
def answering_gateway(answers: Mapping[str, Answers]) -> Iterator[Gateway]:
    """Listens on a free port of the loopback."""
    double = Gateway(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            token = self.headers.get("authorization")
            double.asked.append((self.command, self.path, json.loads(body) if body else None, token))
            double.keys.append(self.headers.get("idempotency-key"))
            known = double.answers[self.path]
            if isinstance(known, list):
                known = known.pop(0) if len(known) > 1 else known[0]
            status, said = known
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
