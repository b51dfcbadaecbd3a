"""What `feeds.bus.kafka_in` and `feeds.bus.redrive` are made of: private rooms, but `settings` is anybody's.

A message is read (`cloud_events`, `documents`, `reading`), put into a lane (`lanes`), tried until there is an outcome
(`attempts`), or kept as a dead letter (`dead_letters`); then its offset counts as finished (`progress`, `watermarks`).
"""
