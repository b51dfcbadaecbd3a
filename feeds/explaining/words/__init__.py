"""A sentence for every event, by family. `said` is the face; a test fails when an event has no words."""

from collections.abc import Callable
from typing import Any, Final

from engine import events as e
from feeds.explaining.amounts import Purse
from feeds.explaining.line import Line
from feeds.explaining.movements import moved_by
from feeds.explaining.words.account import ACCOUNT
from feeds.explaining.words.grants import GRANTS
from feeds.explaining.words.loyalty import LOYALTY
from feeds.explaining.words.play import PLAY

WORDS: Final[dict[type[e.Event], Callable[[Any, Purse], Line]]] = {**ACCOUNT, **PLAY, **GRANTS, **LOYALTY}


def said(event: e.AnyEvent, purse: Purse) -> Line:
    """What the event says, with all that it moved."""
    return WORDS[type(event)](event, purse)._replace(moved=moved_by(event))
