"""The proof over the archive: a Merkle tree of all that was archived, signed checkpoints of it, and receipts.

```
extents/000000/000/057.json                     which leaves come from which object of the archive: the order is a fact
control/000000/000/012.msgpack.zst              entries of the control log, from number 12 on
tile/0/x001/234   tile/1/004.p/71               hashes of the tree (C2SP tlog-tiles), whole tiles and partial ones
checkpoints/2026/11/28/203000-000000012345.note size and root of the tree, signed (C2SP tlog-checkpoint)
keys/1a2b3c4d.vkey                              the public key of the checkpoints
```

Everything here is pure or reads a bucket; `feeds.audit` writes it. `merkle` hashes, `tiles` makes proofs, `notes`
signs, `leaves` says what a leaf is, `extents` where leaves come from, `checkpoints` and `control` where those lie,
`locating` finds the leaves of a player, `receipts` proves them.
"""
