"""Following the journal: every log of every shard in order, into one sink, with cursors that only its reader may move.

`follower` is the face, `runner` starts it in a process. What a sink may rely on: records of a shard come in their
order, entries of a player in the order of their versions, through takeovers, moves of slots and restarts; nothing comes
that the store may still lose; nothing is left out. After a restart some may come again.
"""
