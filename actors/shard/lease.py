"""The lease: how long a shard may answer from memory without asking the store (rule 5 of the architecture).

It counts from the moment the confirming request was *sent*, on CLOCK_BOOTTIME, which goes on while the process or
the machine sleeps. A process stopped for longer than the lease finds it expired when it wakes up.
"""

from actors.host.clock import boottime_s


class Lease:
    """Fresh for `lease_s` seconds after the last confirmed request was sent."""

    __slots__ = ("_until", "lease_s")

    def __init__(self, lease_s: float) -> None:
        self.lease_s = lease_s
        self._until = 0.0

    def renew(self, sent_at_s: float) -> None:
        """The store confirmed a request sent at `sent_at_s` (boottime)."""
        self._until = max(self._until, sent_at_s + self.lease_s)

    def fresh(self) -> bool:
        """Whether a reply that needs no append may be given now."""
        return boottime_s() < self._until
