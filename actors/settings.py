"""Limits and timings of the actors, frozen, passed in. Units last in the name."""

import msgspec

from snapshots.archive.place import ArchivePlace

SHARDS_MAX = 64
"""Shards of one Croupier, without those of dedicated players."""
RESIDENTS_MAX = 200_000
"""Players that a shard keeps in memory, unless it is told otherwise."""


class ShardSettings(msgspec.Struct, frozen=True):
    """How one shard process behaves."""

    store_url: str
    cluster_secret: str
    catalog_dir: str = "."
    """The folder in which relative paths of the catalog begin, such as that of the geo database."""
    bind_host: str = "127.0.0.1"
    """Where the TCP socket listens, and the address gateways on other hosts use."""
    lease_ms: int = 1500
    heartbeat_ms: int = 300
    clock_skew_max_ms: int = 1000
    residents_max: int = RESIDENTS_MAX
    """Beyond it those used longest ago leave, within a second or two; see `residents_bound`."""
    passivate_after_ms: int = 600_000
    loads_max: int = 20_000
    """Players being loaded at once; requests beyond that are `overloaded`."""
    loads_parallel: int = 32
    mailbox_depth_max: int = 256
    pending_entries_max: int = 20_000
    journal_stall_ms: int = 2_000
    """When an append is without outcome for longer, new commands are refused as `journal_unavailable`."""
    journal_refused_ms: int = 2_000
    """When the store has answered for longer that it can't write, those who wait are told, and memory is discarded."""
    journal_ring_bytes_max: int = 32 * 1_048_576
    """Of acknowledged records that are kept for a Redis that may lose them (rule 15)."""
    fallback_dir: str = ""
    """Where the shard goes on while the store is silent (rule 16); empty: it does not."""
    fallback_bytes_max: int = 4 * 1_073_741_824
    """Of one fallback file. Beyond it the shard waits for the store as if it had none."""
    fallback_after_ms: int = 300
    """So long a silence of the store is enough; an open breaker of the journal is, too."""
    connections_max: int = 512
    snapshot_interval_ms: int = 30_000
    snapshot_entries: int = 300_000
    """A snapshot round starts after this many entries even before the interval is over."""
    snapshot_slice: int = 8
    """Players encoded in one go: spins wait that long at most."""
    snapshot_batch: int = 64
    snapshot_cpu_percent_max: int = 10
    """Share of one core that a snapshot round takes: it rests between slices. It rests no more once `snapshot_entries`
    commands were accepted since it began, so that a log to recover from stays bounded.
    """
    orphan_after_ms: int = 60_000
    """The shard of the player resolves a reservation that is held for longer. It looks twice in that time (rule 11)."""
    fill_stop_percent: int = 85
    """When the store is so full, new bets are refused as `overloaded`."""
    fill_resume_percent: int = 80
    """Below that they are accepted again."""
    archive: ArchivePlace | None = None
    """Where rollbacks of bets look that the journal holds no more (rules §3); None: nowhere."""

    @property
    def residents_bound(self) -> int:
        """Players in memory, those being loaded included, beyond which nobody else is loaded: `overloaded`."""
        return self.residents_max + self.residents_max // 4 + self.loads_parallel


class ClientSettings(msgspec.Struct, frozen=True):
    """How the gateway's side of the channel behaves."""

    deadline_ms: int = 5_000
    """A request not answered by then is `outcome_unknown`, or `shard_unavailable` if it was never sent."""
    requests_max: int = 20_000
    refresh_ms: int = 1_000
    refresh_fast_ms: int = 25
    stuck_ms: int = 250
    """When a request waits for longer, the routes are looked up again."""
    connect_timeout_ms: int = 1_000


class SupervisorSettings(msgspec.Struct, frozen=True):
    """How the supervisor watches."""

    shards: int = 2
    spares: int = 1
    spare_rest_ms: int = 1_000
    """How long after a recovery the next spare is started."""
    probe_ms: int = 500
    probe_timeout_ms: int = 2_000
    """A shard that answers no probe for this long is taken for dead and fenced."""
    identify_timeout_ms: int = 5_000
    """How long a restarted supervisor waits for a process to say which shard it is."""
    corpse_kill_after_ms: int = 10_000
    fallback: bool = False
    """Whether shards are granted to go on without the store (rule 16)."""
    held_retry_ms: int = 10_000
    """How often a shard is tried again whose fallback file no process can see."""
    follow_patience_ms: int = 10_000
    """A shard that does not follow the store to another history, and is silent for so long, is killed (rule 15)."""
    term_lease_ms: int = 5_000
    """How long an instance that was killed keeps others from its store. Ray restarts a supervisor faster than that."""
    term_renew_ms: int = 1_000
    move_slots_max: int = 8
    """Slots that change shards in one step of an operation; fewer if many players live in them."""
    move_players_max: int = 256
    """About so many players in memory change shards in one step, but at least the players of one slot."""
    move_rest_ms: int = 50
    """Between two steps, so that players who stay are not sent to look for their shard all the time."""
    operation_tries: int = 10
    """An operation that fails so often in a row, without a step forward, has failed."""
    operation_rest_ms: int = 500
    """How long it waits before it tries again."""


class ReaderPlan(msgspec.Struct, frozen=True):
    """A reader of the journal that the supervisor keeps running.

    The dotted paths name functions of packages that actors don't know. `runner` is a
    `actors.supervision.reader_ports.Runner`; `factory` and `archive` are for the runner (see `feeds.following.runner`).
    """

    name: str
    factory: str
    settings: bytes = b"{}"
    """JSON."""
    runner: str = "feeds.following.runner.run"
    archive: str = ""
    """Makes the reading of what the store has trimmed; empty if there is no archive."""
    archive_settings: bytes = b"{}"
