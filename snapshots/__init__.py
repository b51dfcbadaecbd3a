"""Durability: the journal, the snapshots and recovery from both.

`contract` says what a store promises; `sqlite` and `redis` keep it; `codec` turns players and batches
into checksummed bytes; `recovery` turns bytes back into players.

`opening` makes the store that a setting names; only it knows which kinds there are.
"""
