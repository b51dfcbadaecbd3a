"""What can go wrong with durability. I/O failures are exceptions, of one tree:

StoreError
├── StoreUnsuitable     the store can't be used at all: wrong version, wrong settings, unreachable at start
├── StoreUnavailable    no answer: the outcome of the write is unknown; repeat the identical call
│   ├── StoreRefused        an answer: the store can't write now, and says why
│   ├── LineageChanged      the server has another history; nothing was sent (rule 15)
│   └── ArchiveUnavailable  the archive gave no answer
│       └── ArchiveBehind   the archive has not stored yet what it was asked for
├── AlreadyStored       the archive has another object under that name: somebody else writes to it
├── Fenced              a definite refusal: another incarnation or term owns this; stop at once
├── FallbackHeld        the shard may have gone on without the store: its fallback file must be sealed first (rule 16)
├── TermHeld            another instance of Croupier holds the supervisor's term, and its lease runs
├── StillHeld           a definite refusal: players hold what the change would spoil; nothing was changed
├── NotesFull           a definite refusal: a reader of the journal has as many notes as it may have
├── ControlLogFull      a definite refusal: the control log waits for the archive, and has no room for more
├── ProposalsFull       a definite refusal: as many operations wait for a second person as may wait
└── Corrupt             bytes that don't match their checksum
    ├── CorruptSnapshot
    ├── CorruptLog
    ├── CorruptArchive
    └── VersionGap      entries of a player are missing between snapshot and tail
"""

from collections.abc import Callable
from functools import partial


class StoreError(Exception):
    """Base of all failures of durability."""


class StoreUnsuitable(StoreError):
    """One clear sentence for the operator: what is wrong and what to change."""


class StoreUnavailable(StoreError):
    """No answer from the store. Whether the write happened is unknown; the identical write may be repeated."""


class StoreRefused(StoreUnavailable):
    """The store answered that it can't write now. The identical write may be repeated, as after silence.

    `reason`: one word for metrics. `proved`: this attempt has written nothing; of an earlier attempt without answer it
    says nothing. `passes`: it ends by itself, so that waiting is enough (a Redis that reads its file after a start).
    """

    def __init__(self, text: str, reason: str, *, proved: bool, passes: bool = False) -> None:
        super().__init__(text)
        self.reason, self.proved, self.passes = reason, proved, passes

    def __reduce__(self) -> tuple[Callable[..., "StoreRefused"], tuple[str, str]]:
        """It is raised in one process and read in another one."""
        return partial(StoreRefused, proved=self.proved, passes=self.passes), (str(self), self.reason)


def is_silence(failure: StoreUnavailable) -> bool:
    """Whether the store gave no answer, or one that passes by itself, as while it reads its file after a start."""
    if isinstance(failure, StoreRefused):
        return failure.passes
    return not isinstance(failure, LineageChanged | ArchiveUnavailable)


class LineageChanged(StoreUnavailable):
    """A new connection reached a server that may have lost what was acknowledged. The call was not sent."""


class ArchiveUnavailable(StoreUnavailable):
    """The archive's folder or bucket gave no answer."""


class ArchiveBehind(ArchiveUnavailable):
    """The archive answered, but what is asked for is still on its way there."""


class AlreadyStored(StoreError):
    """The archive holds another object under a name that was to be new: a second archiver writes to it."""


class Fenced(StoreError):
    """The store refused for good: epoch, nonce, term or log position is not the caller's any more."""


class FallbackHeld(StoreError):
    """The store refused to give a shard away. Where the file of its last incarnation lies, or what is wrong with it."""


class TermHeld(StoreError):
    """The instance `holder` keeps others away for `left_ms` more, unless it renews its lease or says goodbye."""

    def __init__(self, holder: str, left_ms: int) -> None:
        super().__init__(
            f"Croupier {holder} runs on this store, and its lease is good for {left_ms} ms more: "
            "stop it first, or take over with --take-over."
        )
        self.holder, self.left_ms = holder, left_ms


class StillHeld(StoreError):
    """The store refused a catalog: a counter that must be 0 for it is not. Nothing was changed."""


class NotesFull(StoreError):
    """The store refused a reader's notes: there would be too many. Nothing was changed."""


class ControlLogFull(StoreError):
    """The store refused entries of the control log: the archive has not taken the oldest yet. Nothing was changed."""


class ProposalsFull(StoreError):
    """The store refused a proposal: too many wait already. Nothing was changed."""


class Corrupt(StoreError):
    """Stored bytes are damaged."""


class CorruptSnapshot(Corrupt):
    """A snapshot generation fails its checksum."""


class CorruptLog(Corrupt):
    """A log record can't be read."""


class CorruptArchive(Corrupt):
    """An object of the archive, or the key of one, can't be read."""


class VersionGap(Corrupt):
    """A player's versions are not consecutive: an entry is missing. That player stops, and nobody else."""
