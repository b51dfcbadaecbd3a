"""JSON documents that several topics share. Those of one topic lie beside its routes.

Every route and the spin path use them; they use nothing of the gateway.
"""
