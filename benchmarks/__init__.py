"""Measurements, side by side in one run on one machine: ratios count, absolute figures only with their machine.

`run` is `make bench`: `targets` says what is measured and how it is started; `load`, `open_loop`, `two_calls` and
`stream_load` load it; `measured` turns samples into `results`, `bar` judges them, `report` and `chart` show them.
`generator` is what those in Python share. `scale` is `make bench-scale`. `peers` are the servers Croupier is measured
beside.
"""
