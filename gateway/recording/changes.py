"""What an accepted command of an operator changed, in the words of the control log: before and after."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from msgspec.structs import asdict

from engine import commands as c
from engine.answers import (
    BlockAnswer,
    ErasedAnswer,
    FlagClearedAnswer,
    GrantAnswer,
    GrantStateAnswer,
    LevelAnswer,
    PointsAnswer,
)
from engine.commands import CommandBody
from engine.views import AnyReply


class Change(NamedTuple):
    """`before` and `after` are plain JSON; None: not known."""

    before: Any
    after: Any


def subject_of(body: CommandBody) -> str:
    """What a command is about: a grant, a flag, a campaign; "" if it is the player as a whole."""
    for name in ("grant_id", "flag_id", "campaign_id", "redemption_id", "withdrawal_id"):
        if hasattr(body, name):
            return str(getattr(body, name))
    return ""


def wanted(body: CommandBody) -> Mapping[str, Any] | None:
    """What a command asks for, apart from its reason, which has a field of its own."""
    fields = {name: value for name, value in asdict(body).items() if name != "reason"}
    return fields or None


def change(body: CommandBody, answer: AnyReply) -> Change:
    """What the command changed; nothing is known of commands that no operator sends."""
    tell = _TELL.get(type(body))
    return Change(None, None) if tell is None else tell(body, answer)


def _points(body: c.AdjustPoints, answer: PointsAnswer) -> Change:
    available = answer.points.available
    return Change({"points_available": available - body.points}, {"points_available": available})


def _level(_: c.ForceLevel, answer: LevelAnswer) -> Change:
    return Change({"level": answer.old or None}, {"level": answer.level})


def _flag(_: c.ClearFlag, answer: FlagClearedAnswer) -> Change:
    flagged = {"code": answer.code, "session_id": answer.session_id, "amount": answer.amount}
    return Change({"flagged": flagged}, {"flagged": None})


def _grant(_: c.GrantCampaign, answer: GrantAnswer) -> Change:
    return Change(None, asdict(answer.granted))


def _verdict(_: CommandBody, answer: GrantStateAnswer) -> Change:
    shown = {"campaign_id": answer.campaign_id, "state": answer.state, "reasons": list(answer.reasons)}
    return Change(None, shown)


def _block(_: CommandBody, answer: BlockAnswer) -> Change:
    return Change(None, {"blocked": answer.blocked})


def _erase(_: c.ErasePlayer, answer: ErasedAnswer) -> Change:
    return Change({"erased": False}, {"erased": True, "erased_ms": answer.erased_ms})


_TELL: Final[Mapping[type, Callable[[Any, Any], Change]]] = {
    c.AdjustPoints: _points,
    c.ForceLevel: _level,
    c.ClearFlag: _flag,
    c.GrantCampaign: _grant,
    c.ApproveGrant: _verdict,
    c.DeclineGrant: _verdict,
    c.ReleaseGrant: _verdict,
    c.CancelGrant: _verdict,
    c.Block: _block,
    c.Unblock: _block,
    c.ErasePlayer: _erase,
}
