"""How cost grows: with registered players, shards and gateways, memory of players, and events to recover.

`python -m benchmarks.scale` measures and writes docs/performance.md with its chart.
"""
