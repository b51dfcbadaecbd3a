"""Countries of addresses and metrics of bonuses over HTTP, on one Croupier for both."""
