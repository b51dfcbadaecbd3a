"""What all events are: frozen facts that stay in the journal for years."""

import msgspec


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all events."""
