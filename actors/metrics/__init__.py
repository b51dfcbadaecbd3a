"""What a shard counts for Prometheus. `shard` holds the metrics; `bonuses`, `loyalty` and `money` count events into
them.

The shard and its process call it, and gateways use its `Histogram`; it calls no other part of `actors`.
"""
