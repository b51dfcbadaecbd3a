"""`make chaos`: players with books of their own, while the parts of Croupier are killed, stopped, cut off or filled up.

`enclosure` shuts the run off from the machine, `hosts` gives it a network, `house` runs Croupier there, `crowd` plays,
`faults` makes trouble, `reckoning` compares what was acknowledged with what is there. docs/chaos.md.
"""
