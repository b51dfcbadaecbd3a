"""From a player to the shard that owns it. `client` is the face: it asks the shard, and repeats when it has moved.

Gateways and the supervisor call it. The shard uses `owner_of` alone.
"""
