"""Headers and bodies of requests: which may be sent, how large they may be, and what is read from them."""

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from gateway.http.errors import Refused, invalid_field
from gateway.http.wire import (
    BodyTooLarge,
    Disconnected,
    HeaderMap,
    Receive,
    has_body,
    is_form,
    is_json,
    read_body,
    repeated_header,
)

_AT: Final = re.compile(r"(?: - at `\$\.|field `)(\w{1,64})")
_T = TypeVar("_T")


def single_headers(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name. Raises Refused if one that must be unique is repeated."""
    found = dict(headers)
    if len(found) != len(headers):
        name = repeated_header(headers)
        if name is not None:
            raise invalid_field(name.decode(), "must be sent once")
    return found


async def json_body(headers: HeaderMap, receive: Receive, bytes_max: int) -> bytes:
    """The body's bytes, empty if there is none. Raises Refused for too many, or for another content type."""
    return await _body(headers, receive, bytes_max, is_json, "application/json")


async def bundle_body(headers: HeaderMap, receive: Receive, bytes_max: int) -> bytes:
    """Like `json_body`, for a catalog's files; a form is accepted as well."""
    return await _body(headers, receive, bytes_max, is_json_or_form, "application/json or multipart/form-data")


def is_json_or_form(headers: HeaderMap) -> bool:
    """Whether the content type is one that a catalog may be sent as."""
    return is_json(headers) or is_form(headers)


async def _body(
    headers: HeaderMap, receive: Receive, bytes_max: int, accepts: Callable[[HeaderMap], bool], wanted: str
) -> bytes:
    if not has_body(headers):
        return b""
    try:
        body = await read_body(headers, receive, bytes_max)
    except BodyTooLarge:
        raise Refused("body_too_large", f"A body may have at most {bytes_max} bytes.") from None
    except Disconnected:
        raise invalid_field("body", "is incomplete") from None
    if body and not accepts(headers):
        raise Refused("unsupported_media_type", f"Send the body as {wanted}.")
    return body


def decoded(decode: Callable[[bytes], _T], body: bytes) -> _T:
    """The body as one of the msgspec types of `gateway.documents.requests`. Raises Refused `invalid_request`."""
    try:
        return decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise not_as_documented(error) from None
        raise invalid_field("body", "is not valid JSON in UTF-8") from None


def not_as_documented(error: msgspec.ValidationError) -> Refused:
    """`invalid_request` for what could be parsed, but is not of its documented type."""
    reason = str(error)
    at = _AT.search(reason)
    return invalid_field(at[1] if at else "body", reason.partition(" - at ")[0].replace("`", ""))
