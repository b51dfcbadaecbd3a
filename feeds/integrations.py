"""`integrations.yaml` as it is used: one section for each way between the engine and the platform around it.

Each section is the settings of its own package, so that a limit is written in one place only.
"""

import msgspec

from feeds.archive.settings import ArchiveSettings
from feeds.audit.settings import AuditSettings
from feeds.bus.incoming.settings import BusInSettings
from feeds.bus.settings import BusSettings
from feeds.notifications.settings import NoticesSettings
from feeds.reports.schedules.settings import ReportsSettings
from feeds.webhooks.settings import WebhooksSettings


class Integrations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of the world outside is connected. A section that is left out is off; for the archive there is a default."""

    archive: ArchiveSettings | None = None
    """Where the journal goes when the store trims it. Without this section: a folder beside a SQLite store."""
    audit: AuditSettings | None = None
    """The audit tree over the archive, and where its checkpoints are published. Without it: in the archive alone."""
    bus: BusSettings | None = None
    """Public events to Kafka."""
    bus_in: BusInSettings | None = None
    """Events of other systems that become commands."""
    webhooks: WebhooksSettings | None = None
    """Public events to HTTP endpoints of the platform."""
    notices: NoticesSettings | None = None
    """E-mail, SMS and push to players."""
    reports: ReportsSettings | None = None
    """Reports that are delivered by themselves."""
