"""What a report says of itself, beside its rows."""

from collections.abc import Mapping, Sequence

import msgspec

from feeds.reports.definition import Column
from feeds.reports.reconciling import Difference


class PeriodJson(msgspec.Struct, frozen=True):
    """Instants in UTC; `to` is the first one that is not in the period."""

    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")


class About(msgspec.Struct, frozen=True, kw_only=True):
    """The same report about the same sealed period says the same: nothing here tells when it was made.

    `reconciled` is null if nothing could be compared; `note` says why, or why the catalog is not known. `checkpoint`:
    the signed state of the archive that vouches for it. `provisional`: the archive may still get entries of the period,
    or has some that no signed checkpoint covers yet.
    """

    name: str
    title: str
    description: str
    period: PeriodJson
    time_zone: str
    parameters: Mapping[str, str | int | None]
    provisional: bool
    checkpoint: str
    reconciled: bool | None
    differences: Sequence[Difference] = ()
    note: str = ""
    definitions: Mapping[str, str] = {}
    columns: Sequence[Column] = ()
    signature: str = ""
    """Of a signed report: a signed note (see `signing`)."""
    catalog: str = ""
    """The version of the catalog that the report compares with; empty if it does not, or if nobody knows."""
