"""The proof over the archive, kept up to date: extents, tiles, checkpoints that are signed and published, receipts.

`making.make` is the face: the archive's reader with a keeper beside it. The keeper goes on from the objects of the
archive alone, and never holds up archiving. What a tree, a note and a receipt are is `snapshots.audit`.
"""
