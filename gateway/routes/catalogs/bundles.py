"""A candidate catalog as it is sent: JSON, or a form with one part per file.

The content of the files is checked elsewhere.
"""

import re
from typing import Annotated, Final

import msgspec

from gateway.documents.requests import HotBody
from gateway.http.bodies import decoded
from gateway.http.duplicates import refuse_duplicates
from gateway.http.errors import invalid_field
from gateway.http.wire import HeaderMap, is_json

FILES_MAX: Final = 2_000
FILE_NAME_MAX: Final = 256
FILE_FIELDS: Final = ("file", "files")
"""A part with one of these names is the file that its `filename` says; any other part's own name is the file's."""
_BOUNDARY: Final = re.compile(rb';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;",]{1,70}))', re.IGNORECASE)
_NAME: Final = re.compile(rb';\s*name="([^"\r\n]*)"', re.IGNORECASE)
_FILENAME: Final = re.compile(rb';\s*filename="([^"\r\n]*)"', re.IGNORECASE)
_DISPOSITION: Final = b"content-disposition:"

FileName = Annotated[str, msgspec.Meta(min_length=1, max_length=FILE_NAME_MAX)]


class CatalogBundle(HotBody):
    """A whole catalog: `files` are its texts by name, like `campaigns/welcome-100.yaml`."""

    files: Annotated[dict[FileName, str], msgspec.Meta(max_length=FILES_MAX)]


_decode: Final = msgspec.json.Decoder(CatalogBundle).decode


def parse_bundle(headers: HeaderMap, body: bytes) -> dict[str, bytes]:
    """The files by name. Raises Refused `invalid_request`."""
    if is_json(headers) or not body:
        bundle = decoded(_decode, body)
        refuse_duplicates(body)
        return {name: content.encode() for name, content in bundle.files.items()}
    return parse_form(headers.get(b"content-type", b""), body)


def parse_form(content_type: bytes, body: bytes) -> dict[str, bytes]:
    """The parts of a `multipart/form-data` body (RFC 7578). Raises Refused `invalid_request`."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise invalid_field("content-type", "names no boundary")
    delimiter = b"\r\n--" + (boundary[1] or boundary[2])
    preamble, *parts = (b"\r\n" + body).split(delimiter)
    if preamble or not parts or parts[-1].rstrip() != b"--":
        raise invalid_field("body", "is not a complete multipart form")
    if len(parts) > FILES_MAX:
        raise invalid_field("files", f"must be at most {FILES_MAX}")
    files: dict[str, bytes] = {}
    for part in parts[:-1]:
        name, content = _file(part)
        if name in files:
            raise invalid_field("files", f"{name[:64]!a} occurs more than once")
        files[name] = content
    return files


def _file(part: bytes) -> tuple[str, bytes]:
    head, separator, content = part.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(_DISPOSITION)]
    if not part.startswith(b"\r\n") or not separator or len(lines) != 1:
        raise invalid_field("body", "has a part without Content-Disposition")
    name = _text(_NAME.search(lines[0]))
    if name in FILE_FIELDS:
        name = _text(_FILENAME.search(lines[0]))
    return name, content


def _text(found: re.Match[bytes] | None) -> str:
    try:
        name = "" if found is None else found[1].decode()
    except UnicodeDecodeError:
        name = ""
    if not 1 <= len(name) <= FILE_NAME_MAX:
        raise invalid_field("body", "has a part without the name of a file, in UTF-8")
    return name
