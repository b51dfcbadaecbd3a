"""Two reports, for different roles."""

from collections.abc import AsyncGenerator, Sequence

from gateway.ports import ReportAsked, ReportListed, ReportParameter, ReportRefused, ReportStream

GGR = ReportListed("ggr", "GGR", "Stakes less wins.", frozenset({"auditor", "marketing_manager"}))
STATEMENT = ReportListed(
    "player-statement",
    "Player statement",
    "What moved a player's money.",
    frozenset({"support"}),
    (ReportParameter("player_id", "the player", None),),
)


class ScriptedReports:
    """Two reports. Answers with a few bytes, or with `refused`; remembers what it was asked."""

    def __init__(self, refused: ReportRefused | None = None, reconciled: bool | None = True) -> None:
        self.asked: list[ReportAsked] = []
        self._refused, self._reconciled = refused, reconciled

    async def listed(self) -> Sequence[ReportListed]:
        return [GGR, STATEMENT]

    async def ask(self, asked: ReportAsked) -> ReportStream | ReportRefused:
        self.asked.append(asked)
        if self._refused is not None:
            return self._refused
        return ReportStream("text/csv; charset=utf-8", True, self._reconciled, _told(b"day,ggr\r\n", b"x,1.00\r\n"))


async def _told(*pieces: bytes) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece
