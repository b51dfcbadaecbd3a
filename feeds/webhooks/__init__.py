"""Webhooks: public events posted to endpoints of the platform, signed as Standard Webhooks 1.0 asks.

`making` is the face: it makes the sink that the reader `webhooks` feeds. Inside, `sink` hands events to an `endpoint`
each, which keeps what it is owed in a `table`, with a lane per player (`lanes`), and sends by `sending`, past the
`addresses` that are forbidden. What can't be delivered now is in the reader's notes (`owed`), which the `ledger`
writes. `settings` is what a deployment configures, `operators` what operators may ask.
"""
