"""A catalog as it is sent: JSON or a form, and everything that is neither."""

import httpx
import pytest

from gateway.http.errors import Refused
from gateway.routes.catalogs.bundles import FILES_MAX, parse_bundle, parse_form

JSON = {b"content-type": b"application/json"}
BOUNDARY = b"multipart/form-data; boundary=xyz"


def part(head: bytes, content: bytes = b"") -> bytes:
    return b"--xyz\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n"


END = b"--xyz--\r\n"


def test_json() -> None:
    body = '{"files":{"games.yaml":"games: {}\\n","locales/sv.json":"\\"å\\""}}'.encode()
    assert parse_bundle(JSON, body) == {"games.yaml": b"games: {}\n", "locales/sv.json": '"å"'.encode()}


def test_a_form_as_clients_send_it() -> None:
    files = {"campaigns/a.yaml": b"id: a\r\n\r\n", "locales/sv.json": "å".encode(), "empty.yaml": b"", "b": b"\xff\0--"}
    request = httpx.Request("POST", "http://c/", files=[(name, (name, content)) for name, content in files.items()])
    assert parse_bundle({b"content-type": request.headers["content-type"].encode()}, request.read()) == files


def test_parts_called_files_are_named_by_their_file() -> None:
    body = part(b'name="files"; filename="campaigns/a.yaml"', b"a") + part(b'filename="games.yaml"; name="file"', b"g")
    assert parse_form(BOUNDARY, body + END) == {"campaigns/a.yaml": b"a", "games.yaml": b"g"}


def test_a_quoted_boundary_and_one_that_occurs_in_a_file() -> None:
    body = part(b'name="a"', b"a --xyz\n--xyz\n")
    assert parse_form(b'multipart/form-data; charset=utf-8; Boundary="xyz"', body + END) == {"a": b"a --xyz\n--xyz\n"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (b"multipart/form-data", END),
        (b"multipart/form-data; boundary=", END),
        (b"multipart/form-data; boundary=" + b"x" * 71, END),
        (BOUNDARY, b""),
        (BOUNDARY, b"hello"),
        (BOUNDARY, b"preamble\r\n" + part(b'name="a"') + END),
        (BOUNDARY, part(b'name="a"')),
        (BOUNDARY, part(b'name="a"') + END + b"more"),
        (BOUNDARY, b"--xyz\r\nContent-Type: text/plain\r\n\r\na\r\n" + END),
        (BOUNDARY, b'--xyzContent-Disposition: form-data; name="a"\r\n\r\na\r\n' + END),
        (BOUNDARY, b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n' + END),
        (BOUNDARY, part(b'filename="a"') + END),
        (BOUNDARY, part(b'name=""') + END),
        (BOUNDARY, part(b'name="files"') + END),
        (BOUNDARY, part(b'name="\xff"') + END),
        (BOUNDARY, part(b'name="' + b"n" * 257 + b'"') + END),
        (BOUNDARY, part(b'name="a"') * 2 + END),
        (BOUNDARY, b"".join(part(b'name="%d"' % number) for number in range(FILES_MAX + 1)) + END),
    ],
)
def test_broken_forms(content_type: bytes, body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse_form(content_type, body)
    assert refused.value.code == "invalid_request"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"files":[]}',
        b'{"files":{"a":1}}',
        b'{"files":{"":"x"}}',
        b'{"files":{},"more":1}',
        b'{"files":{"a":"\\ud800"}}',
        b'{"files":{"a":"\xff"}}',
        '{"files":{"a":"b"}}'.encode("utf-16"),
        b'{"files":' + b"[" * 100_000,
    ],
)
def test_broken_json(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse_bundle(JSON, body)
    assert refused.value.code == "invalid_request"
