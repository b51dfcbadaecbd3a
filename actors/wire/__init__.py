"""Frames on a persistent socket. `channel` is the gateway's end, `listening` and `connection` are the shard's.

Routing, shards and the supervisor call it. It knows frames and proofs, and nothing of what a frame asks for.
"""
