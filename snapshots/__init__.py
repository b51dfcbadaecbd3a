"""Durability: the journal, the snapshots and recovery from both.

`contract` says what a store promises; `sqlite_store` and `redis_store` keep it; `codec` turns players and batches
into checksummed bytes; `recovery` turns bytes back into players.
"""
