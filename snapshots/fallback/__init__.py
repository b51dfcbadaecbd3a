"""A shard's own log on its own disk, for as long as the store is silent (rule 16, docs/fallback.md).

`file` is the format, `log` the face for a shard's event loop, `taking` what a successor does with the file of its
predecessor. Shards and whoever takes a shard may call it; it knows stores by their contract only.
"""
