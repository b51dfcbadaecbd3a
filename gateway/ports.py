"""What the gateway needs to know about the rest of the cluster, apart from the players themselves."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from engine.catalog import Catalog
from gateway.texts import Texts


class ClusterPort(Protocol):
    """Answers from what this process already knows: none of these may block or raise."""

    def ready(self) -> tuple[bool, str]:
        """Whether spins can be served now, and in one sentence why not."""

    def cluster(self) -> Mapping[str, Any]:
        """Shards, epochs, slots, players, breakers: the JSON of `GET /cluster`."""

    def metric_targets(self) -> Sequence[Mapping[str, Any]]:
        """Prometheus HTTP service discovery: `{"targets": ["host:port"], "labels": {…}}` per gateway and shard."""


class Finding(NamedTuple):
    """One problem or warning of a catalog, in the words of a marketing person; `line` counts from 1."""

    file: str
    line: int
    reason: str


class Checked(NamedTuple):
    """A candidate catalog: refused if there are `problems`, taken with its `warnings`.

    `changed_files` names the files of a catalog that were added, removed or have other bytes than those in force:
    broken ones too, but none that no catalog has.
    """

    problems: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    changed_files: tuple[str, ...]


class InForce(NamedTuple):
    """The catalog all shards decide under: content hash, running number, since when (Unix ms), and who deployed it."""

    version: str
    number: int
    at_ms: int
    by: str


class Deployed(NamedTuple):
    """A catalog is in force in every shard. `diff` is what it changed, as JSON."""

    version: str
    number: int
    diff: Mapping[str, Any]


class SandboxClock(NamedTuple):
    """The time that holds (Unix ms), and how far it runs ahead of real time."""

    now_ms: int
    offset_ms: int


class ControlUnavailable(Exception):
    """Nobody in control answers, or not in time: what was asked may be done or not, and can be asked again."""


class ControlPort(Protocol):
    """The catalog and the sandbox clock. What is not async answers from memory; the rest raises ControlUnavailable."""

    def catalog(self) -> Catalog:
        """The catalog in force."""

    def texts(self) -> Texts:
        """Its texts."""

    def in_force(self) -> InForce:
        """Which one it is."""

    async def check(self, files: Mapping[str, bytes]) -> Checked:
        """Checks `files` (name → content) as a whole catalog and compares it with the one in force. Changes nothing."""

    async def deploy(self, files: Mapping[str, bytes], by: str) -> Deployed | Checked:
        """Puts `files` in force in every shard at once; `Checked`, with its problems, if they don't pass.

        The catalog that is in force already is deployed again without a change: repeating a call is safe.
        """

    async def usage(self, campaign_id: str) -> int | None:
        """Micro-EUR of the campaign's budget used so far, reserved and granted together; None if it is not known."""

    async def advance_clock(self, seconds: int) -> SandboxClock:
        """Moves the sandbox clock ahead; answers when all work due by then is done (rules §10)."""
