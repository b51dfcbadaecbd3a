"""Concurrency and placement: mailboxes, shards, the channel, routing, the supervisor.

Ray is imported in `ray_cluster` only; everything else runs and is tested without it.
"""
