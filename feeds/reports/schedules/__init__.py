"""Reports that are made and delivered by themselves, each once per period, also across crashes and downtime.

`beside` puts the `keeper` beside the archive, in the archive's own process, so that one claim fences
both. `agenda` says what is due (cron, time zones, periods), `standing` what is remembered, `destinations` brings files
to a folder, a bucket or mailboxes. `settings` is what a deployment configures.
"""
