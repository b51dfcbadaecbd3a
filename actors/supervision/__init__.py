"""Who is alive, and who replaces whom. `supervisor` is the face; `ports` is what it asks of Ray.

`shard_process` is the process that a shard lives in, from its claim to its end. `actors.ray` runs it and the
supervisor.
"""
