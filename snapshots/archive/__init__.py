"""The archive of the journal: its format, and reading it. Writing it is `feeds.archive`.

A *segment* holds records as they stood in the journal, in the order in which they were archived. Beside it lies an
*index*: which players have entries in which blocks of it, which parts of which logs it holds, and how far the archive
had come with every shard. Segments are numbered, and nothing is ever written over.

```
segments/2026/11/28/000000000057.msgpack.zst     blocks: zstd frames of MessagePack records
index/2026/11/28/000000000057.index              its index
folds/2026/11/28/000000000063.fold               the players of the last 64 indexes, once more
```

`reading` is the face for those who ask for a log or a player; `sealing` keeps personal fields under a key per player.
"""
