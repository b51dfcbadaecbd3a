"""What operators ask of any reader, as JSON: which players are stopped, and that one of them goes on.

    {"do": "stopped", "after": ""}            StoppedReport
    {"do": "resume", "player_id": "alice"}    ResumeReport

Any other question is one to the reader's sink.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from feeds.following.stopped import Stop
from feeds.following.versions import Versions

LISTED_MAX: Final = 100


class Stopped(msgspec.Struct, frozen=True, tag_field="do", tag="stopped"):
    """Who is stopped: those whose ids are above `after`."""

    after: str = ""


class Resume(msgspec.Struct, frozen=True, tag_field="do", tag="resume"):
    """The player is passed on again, from the next entry on."""

    player_id: str


class StoppedReport(msgspec.Struct, frozen=True):
    """`count` players are stopped; these are the first of them, by their ids."""

    count: int
    players: Sequence[Stop]


class ResumeReport(msgspec.Struct, frozen=True):
    """`resumed`: the player was stopped, after version `last`. What came since then was not passed on."""

    player_id: str
    resumed: bool
    last: int = 0


Question = Stopped | Resume
_question: msgspec.json.Decoder[Question] = msgspec.json.Decoder(Question)


def question(request: bytes) -> Question | None:
    """What is asked of the reader itself; None: it is for the sink."""
    try:
        return _question.decode(request)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


async def answered(asked: Question, versions: Versions) -> bytes:
    """The answer. Raises StoreError."""
    if isinstance(asked, Stopped):
        report = StoppedReport(len(versions.stopped), versions.stopped.listed(asked.after, LISTED_MAX))
        return msgspec.json.encode(report)
    stop = await versions.resume(asked.player_id)
    return msgspec.json.encode(ResumeReport(asked.player_id, stop is not None, stop.last if stop else 0))
