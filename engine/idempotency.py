"""Exactly once: what a command's id says before any rule is asked (rules §3, idempotency)."""

from hashlib import blake2b

import msgspec

from engine.commands import BETS, Command, CommandBody, Result
from engine.rejections import ALREADY_PROCESSED, IDEMPOTENCY_CONFLICT, ROLLED_BACK, Rejection
from engine.state import Player

_ENCODER = msgspec.msgpack.Encoder()


_LATER_FIELD: dict[type, bytes] = {Result: msgspec.msgpack.encode(None)}
"""Bodies whose last field was added in a later version, with the encoded default of that field."""


def content_digest(body: CommandBody) -> bytes:
    """8 bytes that differ when the parsed command differs.

    A later field that is left out doesn't count: a command repeated across an upgrade still gets its first answer.
    """
    encoded = _ENCODER.encode(body)
    default = _LATER_FIELD.get(type(body))
    if default is not None and encoded.endswith(default):
        encoded = bytes((encoded[0] - 1,)) + encoded[1 : -len(default)]
    return blake2b(encoded, digest_size=8).digest()


def recall(player: Player, command: Command, digest: int, content: bytes) -> bytes | Rejection | None:
    """The first answer if this very command was accepted before, a refusal, or None for a command never seen.
    `digest` is its id's, `content` its body's.

    In order: `idempotency_conflict`, `rolled_back` (bets only: a tombstone never hides another command's answer), the
    first answer, `already_processed`.
    """
    window = player.window
    remembered = window.find(digest)
    if remembered is not None and remembered.content != content:
        return Rejection(IDEMPOTENCY_CONFLICT, f"The key of {command.id} was used for another command: use a new key.")
    rolled_back = digest in window.tombstones or (player.state.rounds and _undone(player, digest))
    if rolled_back and isinstance(command.body, BETS):
        return Rejection(ROLLED_BACK, f"The bet {command.id} was rolled back: place a new one with a new key.")
    if remembered is not None:
        return remembered.answer
    if digest in window.older or (player.state.rounds and _in_open_round(player, command.id, digest)):
        return Rejection(
            ALREADY_PROCESSED, f"{command.id} was accepted before; its answer is no longer kept. Nothing moved."
        )
    return None


def _undone(player: Player, digest: int) -> bool:
    return any(digest in round_.undone_digests for round_ in player.state.rounds.values())


def _in_open_round(player: Player, command_id: str, digest: int) -> bool:
    """An id is never forgotten while its round is open, however long ago that was."""
    for round_ in player.state.rounds.values():
        if digest in round_.result_digests:
            return True
        for bet in round_.bets:
            if bet.command_id == command_id:
                return True
    return False
