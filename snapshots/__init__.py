"""Durability: the journal, the snapshots and recovery from both.

`contract` says what a store promises; `sqlite` and `redis` keep it; `codec` turns players and batches
into checksummed bytes; `recovery` turns bytes back into players.

`opening` is where a store comes from: only it knows which there are.
"""
