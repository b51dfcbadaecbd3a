"""Where public events go, for the document that gateways serve."""

from collections.abc import Mapping
from pathlib import Path

from croupier.integrations import load_integrations
from feeds.bus.settings import FamilyTopics
from feeds.public.event import Family


def event_topics(file: Path | None) -> Mapping[Family, str | None]:
    """The topic of each family by `integrations.yaml`, or those of a bus of which nothing else is said.

    A gateway needs none of the file's secrets. Raises IntegrationsInvalid.
    """
    bus = None if file is None else load_integrations(file, with_secrets=False).bus
    return FamilyTopics().by_family() if bus is None else bus.by_family()
