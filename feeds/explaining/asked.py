"""What is asked of this package, and what it says: JSON on both sides."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from feeds.explaining.attached import RECEIPTS_MAX
from feeds.explaining.cursors import CURSOR_CHARS_MAX
from feeds.explaining.timeline import LIMIT_MAX
from snapshots.audit.receipts import Receipt


class AskHistory(msgspec.Struct, frozen=True, tag="history", tag_field="do"):
    """A page of the timeline; times in Unix ms."""

    player_id: str
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)] = 50
    cursor: Annotated[str, Meta(max_length=CURSOR_CHARS_MAX)] | None = None
    from_ms: int | None = None
    to_ms: int | None = None


class AskRound(msgspec.Struct, frozen=True, tag="round", tag_field="do"):
    """A round. `day`: it was archived on that day (`2026/11/28`) or earlier."""

    player_id: str
    session_id: str
    day: str | None = None


class AskDispute(msgspec.Struct, frozen=True, tag="dispute", tag_field="do"):
    """The file of a grant, as JSON or PDF.

    `may_value`: whoever reads the PDF may know how the player is valued. In JSON the gateway hides what is due.
    `receipts` are attached to the PDF.
    """

    player_id: str
    grant_id: str
    form: Literal["json", "pdf"] = "json"
    may_value: bool = False
    day: str | None = None
    receipts: Annotated[tuple[Receipt, ...], Meta(max_length=RECEIPTS_MAX)] = ()


Asked = AskHistory | AskRound | AskDispute


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """`document` is set for `found`; `pdf` is in base64. `behind`: ask again soon; `wrong`: `detail` says why."""

    outcome: Literal["found", "not_found", "no_player", "behind", "unavailable", "damaged", "wrong", "no_paper"]
    document: msgspec.Raw = msgspec.Raw(b"null")
    pdf: bytes = b""
    detail: str = ""
    field: str = ""
