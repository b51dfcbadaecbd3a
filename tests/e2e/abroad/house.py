"""The catalog of the server that the tests of countries and of the bonus metrics share.

Addresses: 203.0.113.* is in Finland, 192.0.2.* in Sweden, 198.51.100.* in North Korea, which is denied.
"""

from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet

from tests.support.catalog_folder import bonus_campaign, shipped, write

FINLAND, SWEDEN, DENIED, NOWHERE = "203.0.113.7", "192.0.2.7", "198.51.100.7", "10.0.0.7"
NETWORKS = {"203.0.113.0/24": "FI", "192.0.2.0/24": "SE", "198.51.100.0/24": "KP"}
DAILY = bonus_campaign("daily", "{event: session_start}", eur=500, limits="{per_player: 9}")
QUICK = bonus_campaign("quick", "{event: manual}", eur=500, wager='{multiplier: "1", valid_days: 2}')
TINY = bonus_campaign("tiny", "{event: code, code: TINY}", eur=500, limits='{per_player: 1, budget_eur: "5"}')


def catalog_abroad(folder: Path) -> Path:
    """The shipped catalog with `daily` at each session, `quick`, `tiny`, and a `geo_database` in its platform.yaml."""
    catalog = shipped(folder, daily=DAILY, quick=QUICK, tiny=TINY)
    write(catalog, "platform.yaml", (catalog / "platform.yaml").read_text() + "geo_database: geo/countries.mmdb\n")
    (catalog / "geo").mkdir()
    writer = MMDBWriter(4, "GeoLite2-Country")
    for network, country in NETWORKS.items():
        writer.insert_network(IPSet([network]), {"country": {"iso_code": country}})
    writer.to_db_file(str(catalog / "geo/countries.mmdb"))
    return catalog
