"""`make soak`: half an hour of steady play, in which no process may grow.

`crowd` plays, `watching` samples, `judging` decides, `page` and `picture` write `docs/soak.md` and its chart.
"""
