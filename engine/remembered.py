"""What remembered commands, and the journal behind them, tell about rounds that are no longer open."""

from collections.abc import Iterable, Iterator

import msgspec

from engine.answers import CANCELLED, AnyAnswer, DepositAnswer, RegisteredAnswer, RoundAnswer, SessionAnswer
from engine.facts import PastBet
from engine.state.window import Window
from engine.transition import Transition

_ANSWERS: msgspec.msgpack.Decoder[AnyAnswer] = msgspec.msgpack.Decoder(AnyAnswer)

PERSONAL = (RegisteredAnswer, DepositAnswer, SessionAnswer)
"""Answers to the commands that bring personal data."""


def decode_answer(encoded: bytes) -> AnyAnswer:
    """An answer as it was remembered."""
    return _ANSWERS.decode(encoded)


def round_answers(window: Window, session_id: str = "") -> Iterator[RoundAnswer]:
    """Remembered answers about rounds (or one round), newest first, as the rounds stand now.

    A bet that was rolled back since shows its round as cancelled.
    """
    needle = session_id.encode()
    for digest in reversed(window.recent):
        remembered = window.find(digest)
        if remembered is None or needle not in remembered.answer:
            continue
        answer = decode_answer(remembered.answer)
        if isinstance(answer, RoundAnswer) and session_id in ("", answer.session_id):
            if digest in window.tombstones and answer.staked:
                answer = msgspec.structs.replace(answer, stage=CANCELLED, win_amount=0, win_reported=0)
            yield answer


def newest_answer(window: Window, session_id: str) -> RoundAnswer | None:
    """The last remembered answer about a round; None if the round is unknown or long past."""
    return next(round_answers(window, session_id), None)


def personal_commands(window: Window) -> list[int]:
    """Digests of the remembered commands that brought personal data with them."""
    return [
        digest
        for digest in window.recent
        if (found := window.find(digest)) is not None and isinstance(decode_answer(found.answer), PERSONAL)
    ]


def past_bet(history: Iterable[Transition], command_id: str) -> PastBet | None:
    """The command among a player's journalled transitions, oldest first, and what became of its round (rules §3)."""
    found: bytes | None = None
    newest = b""
    session_id = ""
    for transition in history:
        if transition.command_id == command_id:
            found = newest = transition.answer
            answer = decode_answer(found)
            session_id = answer.session_id if isinstance(answer, RoundAnswer) else ""
        elif session_id and session_id.encode() in transition.answer:
            answer = decode_answer(transition.answer)
            if isinstance(answer, RoundAnswer) and answer.session_id == session_id:
                newest = transition.answer
    return None if found is None else PastBet(found, newest)
