"""What an accepted command of an operator changed, in the words of the control log: before and after."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import asdict

from engine.answers import GrantAnswer, LevelAnswer, PointsAnswer
from engine.commands import AdjustPoints, CommandBody
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
    """What the command changed: for most commands what their answer says, without parts of its own and its reason."""
    tell = _TELL.get(type(answer))
    return Change(None, _plain(answer)) if tell is None else tell(body, answer)


def _plain(answer: AnyReply) -> dict[str, Any]:
    fields = asdict(answer).items()
    return {name: value for name, value in fields if name != "reason" and not _has_parts(value)}


def _has_parts(value: Any) -> bool:
    return isinstance(value, Struct) or (isinstance(value, tuple) and any(map(_has_parts, value)))


def _points(body: AdjustPoints, answer: PointsAnswer) -> Change:
    available = answer.points.available
    return Change({"points_available": available - body.points}, {"points_available": available})


def _level(_: CommandBody, answer: LevelAnswer) -> Change:
    return Change({"level": answer.old or None}, {"level": answer.level})


def _grant(_: CommandBody, answer: GrantAnswer) -> Change:
    return Change(None, asdict(answer.granted))


_TELL: Final[Mapping[type, Callable[[Any, Any], Change]]] = {
    PointsAnswer: _points,
    LevelAnswer: _level,
    GrantAnswer: _grant,
}
"""By what was answered."""
