"""Local servers that speak what `croupier catalog texts` uses of the APIs of Lokalise and Crowdin, and remember it."""

import base64
import io
import json
import re
import threading
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, bytes | dict[str, Any]]


class Service(ABC):
    """A server on loopback. `handle` answers (status, body); `asked` are the requests so far."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.translations: dict[str, dict[str, str | None]] = {}
        self.source: dict[str, str] = {}

    @abstractmethod
    def handle(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        """What is answered; bytes are sent as they are, everything else as JSON."""


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """Serves on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(service: Service) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            service.asked.append(f"{self.command} {path}")
            status, answer = service.handle(self.command, path, self.headers, body)
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    return Handler


class LokaliseServer(Service):
    """Queued processes take two looks to finish; `fails` lets them fail."""

    fails = False
    bundle: bytes | None = None

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def handle(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        if path == "/export.zip":
            return 200, self.bundle if self.bundle is not None else self._zip()
        if headers["X-Api-Token"] != "secret":
            return 401, {"error": {"message": "Invalid `X-Api-Token` header", "code": 401}}
        if path == "/api2/projects/p1/files/upload":
            return self._upload(json.loads(body))
        if path == "/api2/projects/p1/files/async-download":
            options = json.loads(body)
            assert (options["format"], options["bundle_structure"]) == ("json", "%LANG_ISO%.json")
            return 200, {"project_id": "p1", "process_id": "x1"}
        if path.startswith("/api2/projects/p1/processes/"):
            return self._process(path.rpartition("/")[2])
        return 404, {"error": {"message": "Not Found", "code": 404}}

    def _upload(self, options: dict[str, Any]) -> Answer:
        assert (options["lang_iso"], options["filename"]) == ("en", "en.json")
        self.source = json.loads(base64.b64decode(options["data"]))
        return 200, {"project_id": "p1", "process": {"process_id": "u1", "type": "file-import", "status": "queued"}}

    def _process(self, process_id: str) -> Answer:
        self.looks += 1
        states = ["failed"] if self.fails else ["running", "finished"]
        status = states[min(self.looks, len(states)) - 1]
        details = {"download_url": f"{self.url}/export.zip"} if process_id == "x1" and status == "finished" else {}
        process = {"process_id": process_id, "status": status, "message": "no keys", "details": details}
        return 200, {"project_id": "p1", "process": process}

    def _zip(self) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as bundle:
            for language, texts in self.translations.items():
                bundle.writestr(f"{language}.json", json.dumps(texts))
        return content.getvalue()


class CrowdinServer(Service):
    """`files` of the project by name; a storage has the number of its request."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, int] = {}
        self.stored: dict[int, dict[str, str]] = {}

    def handle(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        if found := re.fullmatch(r"/built/(.+)\.json", path):
            return 200, self.translations[found[1]]  # type: ignore[return-value]
        if headers["Authorization"] != "Bearer secret":
            return 401, {"error": {"message": "Unauthorized", "code": 401}}
        inside = path.removeprefix("/api/v2/")
        if (method, inside) == ("POST", "storages"):
            return self._store(headers["Crowdin-API-FileName"], body)
        if (method, inside) == ("GET", "projects/7"):
            return 200, {"data": {"id": 7, "targetLanguageIds": list(self.translations)}}
        if inside.startswith("projects/7/files"):
            return self._file(method, body)
        if found := re.fullmatch(r"projects/7/translations/builds/files/(\d+)", inside):
            assert int(found[1]) in self.files.values()
            language = json.loads(body)["targetLanguageId"]
            return 200, {"data": {"url": f"{self.url}/built/{language}.json", "etag": "1"}}
        return 404, {"error": {"message": "Not Found", "code": 404}}

    def _store(self, name: str, body: bytes) -> Answer:
        number = len(self.stored) + 1
        self.stored[number] = json.loads(body)
        return 201, {"data": {"id": number, "fileName": name}}

    def _file(self, method: str, body: bytes) -> Answer:
        if method == "GET":
            return 200, {"data": [{"data": {"id": number, "name": name}} for name, number in self.files.items()]}
        asked = json.loads(body)
        self.source = self.stored[asked["storageId"]]
        if method == "POST":
            self.files[asked["name"]] = 41
        return 200, {"data": {"id": 41}}
