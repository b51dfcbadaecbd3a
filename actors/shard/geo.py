"""The country of an IP address, by a MaxMind-format database named in platform.yaml. Without one nothing is known."""

import logging
from ipaddress import ip_address
from pathlib import Path

import maxminddb

log = logging.getLogger("croupier.shard")


class GeoDatabaseUnusable(Exception):
    """The file can't be read as a MaxMind database; says which and why."""


class GeoDatabase:
    """Read into memory once; a look-up takes microseconds. Raises GeoDatabaseUnusable.

    `path` is relative to `folder`, the catalog's on this host.
    """

    def __init__(self, folder: str, path: str | None) -> None:
        self._reader = None
        if path is not None:
            file = Path(folder, path)
            try:
                self._reader = maxminddb.open_database(file, maxminddb.MODE_MEMORY)
            except (OSError, maxminddb.InvalidDatabaseError) as problem:
                raise GeoDatabaseUnusable(f"geo database {file}: {problem}") from problem

    def country_of(self, ip: str) -> str | None:
        """The ISO code, or None if the address is unknown or not an address."""
        if self._reader is None:
            return None
        try:
            found = self._reader.get(ip_address(ip))
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None
        country = found.get("country") if isinstance(found, dict) else None
        code = country.get("iso_code") if isinstance(country, dict) else None
        return code if isinstance(code, str) else None
