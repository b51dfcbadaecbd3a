"""Backups: store, archive and spool as they stood at one instant, while players play; and putting them back.

`taking` and `restoring` are the faces, for `croupier.backup_command` alone. A backup is what a power cut at that
instant would have left on the disks, so a Croupier that is started on it recovers as it always does.
"""
