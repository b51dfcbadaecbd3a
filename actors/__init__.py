"""Concurrency and placement: mailboxes, shards, the channel, routing, the supervisor.

Ray is imported in `actors.ray` only; everything else runs and is tested without it.

`ray` starts the supervisor and the shards (`supervision`). A `shard` answers the frames that come over the `wire`;
`background` is what it does between them. `routing` finds the shard of a player. `host` and `metrics` serve them all.
"""
