"""Writing the archive of the journal: records to a spool on the local disk, from there in segments to folder or bucket.

`feeds.audit.making` puts it together with the proof over it. `sink` takes records, `spool` keeps them on the disk,
`uploading` brings them away, `keys` holds the keys under which personal fields are sealed. The format, and reading it,
is `snapshots.archive`.
"""
