"""Work that becomes due by the passing of time: which, and when. The shard does it as ordinary commands (rules §10)."""

from engine.commands import Command, Expire
from engine.holdings import in_play, tied
from engine.state import PlayerState


def next_due_ms(state: PlayerState) -> int | None:
    """When the next grant or package expires, Unix ms; None if nothing will. What an open round ties doesn't count."""
    due = _next(state)
    return due[0] if due is not None else None


def next_due(state: PlayerState) -> Command | None:
    """The command that does it, at its own due time, but never earlier than the player's last event."""
    due = _next(state)
    if due is None:
        return None
    due_ms, subject_id = due
    return Command(f"due:expire:{subject_id}", max(due_ms, state.time_ms), Expire(subject_id))


def _next(state: PlayerState) -> tuple[int, str] | None:
    found: tuple[int, str] | None = None
    for grant in state.grants:
        if (found is None or grant.valid_to_ms < found[0]) and not tied(state, grant):
            found = (grant.valid_to_ms, grant.grant_id)
    for package in state.packages:
        sooner = package.remaining and (found is None or package.valid_to_ms < found[0])
        if sooner and not in_play(state, package.package_id):
            found = (package.valid_to_ms, package.package_id)
    return found
