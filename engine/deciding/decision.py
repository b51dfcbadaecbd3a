"""What deciding yields: the events of an accepted command, or the refusal."""

from engine.events import AnyEvent
from engine.rejections import Rejection

Decision = list[AnyEvent] | Rejection
