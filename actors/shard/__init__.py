"""One incarnation of a shard. `shard` is the face: it takes frames and answers them.

The shard's process and its background work (`actors.supervision`, `actors.background`) call it; it calls neither.
Everything else in here is the shard's own: the committer, its lease, the players in memory, loading, look-ups.
"""
