"""What a shard does besides its commands: snapshots, due work, moving slots.

`snapshotter`, `due_work`, `due_sweep` and `slot_moves` are started by the shard's process (`actors.supervision`) and
work on the shard (`actors.shard.shard`), which knows nothing of them. Only they use `backoff`.
"""
