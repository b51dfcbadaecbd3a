"""Asking a reader of the journal for an operator: JSON goes there, and what it refuses is refused here."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from gateway.documents.base import Json
from gateway.http.errors import Refused, invalid_field
from gateway.ports import ControlUnavailable
from gateway.routes.call import Call


class _Said(msgspec.Struct):
    refused: str = ""
    detail: str = ""


_Answer = TypeVar("_Answer", bound=Json)


def reader_names(call: Call) -> Sequence[str]:
    """The readers that run, or should."""
    return [str(reader["name"]) for reader in call.parts.cluster.cluster().get("readers", ())]


async def asked_of(call: Call, reader: str, asked: Mapping[str, object], type_: type[_Answer]) -> _Answer:
    """The reader's answer. Raises Refused, ControlUnavailable."""
    readers = call.parts.readers
    if readers is None:
        raise ControlUnavailable("This gateway does not know the readers of the journal.")
    said = await readers.ask_reader(reader, msgspec.json.encode(asked))
    refusal = msgspec.json.decode(said, type=_Said)
    if refusal.refused == "invalid_request":
        raise invalid_field("body", refusal.detail)
    if refusal.refused:
        raise Refused(refusal.refused, refusal.detail)
    return msgspec.json.decode(said, type=type_)
