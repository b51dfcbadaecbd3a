"""The country of an IP address: by a database that the test writes itself."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from msgspec.structs import replace
from netaddr import IPSet

from actors.shard.geo import GeoDatabase, GeoDatabaseUnusable
from actors.stored_catalogs import CatalogContent, encode_content
from actors.supervision.shard_process import ShardProcess
from engine.commands import StartSession
from snapshots.contract import CatalogRow
from tests.support.judging import rules, with_fraud
from tests.support.shard_harness import TestShard, catalog, desk, settings, start_shard, table_for

COUNTRIES = {"203.0.113.0/24": "FI", "198.51.100.0/24": "KP"}


def write(file: Path, countries: dict[str, Any] | None = None) -> Path:
    """A database of IPv4 networks as MaxMind ships them; an entry that is no string is stored as it is."""
    writer = MMDBWriter(4, "GeoLite2-Country")
    for network, country in (countries or COUNTRIES).items():
        entry = {"country": {"iso_code": country}} if isinstance(country, str) else country
        writer.insert_network(IPSet([network]), entry)
    writer.to_db_file(str(file))
    return file


@pytest.mark.parametrize(
    ("ip", "country"),
    [
        ("203.0.113.7", "FI"),
        ("198.51.100.255", "KP"),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
        ("not an address", None),
        ("", None),
    ],
)
def test_the_country_of_an_address_or_none(tmp_path: Path, ip: str, country: str | None) -> None:
    write(tmp_path / "geo.mmdb")
    assert GeoDatabase(str(tmp_path), "geo.mmdb").country_of(ip) == country


@pytest.mark.parametrize("entry", [{"continent": {"code": "EU"}}, {"country": "FI"}, {"country": {"iso_code": 5}}])
def test_an_entry_without_a_country_code_is_nobodys(tmp_path: Path, entry: Any) -> None:
    write(tmp_path / "geo.mmdb", {"203.0.113.0/24": entry})
    assert GeoDatabase(str(tmp_path), "geo.mmdb").country_of("203.0.113.7") is None


def test_without_a_database_nothing_is_known(tmp_path: Path) -> None:
    assert GeoDatabase(str(tmp_path), None).country_of("203.0.113.7") is None


@pytest.mark.parametrize("content", [None, b"", b"not a database", "a folder"])
def test_a_file_that_is_none_says_which_and_why(tmp_path: Path, content: bytes | str | None) -> None:
    file = tmp_path / "geo.mmdb"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        file.mkdir()
    with pytest.raises(GeoDatabaseUnusable, match=r"^geo database .*geo\.mmdb: .+"):
        GeoDatabase(str(tmp_path), "geo.mmdb")


def test_a_database_cut_short_is_unusable_or_knows_nothing(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.mmdb").read_bytes()
    for length in range(1, len(whole), 7):
        (tmp_path / "geo.mmdb").write_bytes(whole[:length])
        with suppress(GeoDatabaseUnusable):
            assert GeoDatabase(str(tmp_path), "geo.mmdb").country_of("203.0.113.7") in ("FI", None)


async def test_a_session_from_a_denied_country_is_refused_by_its_address(tmp_path: Path) -> None:
    write(tmp_path / "geo.mmdb")
    guarded = replace(with_fraud(catalog(), rules(denied=("KP",))), geo_database="geo.mmdb")
    async with desk(tmp_path, guarded, catalog_dir=str(tmp_path)) as table:
        await table.seat("alice")
        assert (await table.ask("alice", "1", StartSession("198.51.100.1"))).code == "geo_blocked"
        assert type(await table.ask("alice", "2", StartSession("203.0.113.7"))).__name__ == "Answered"


async def test_a_deployed_catalog_brings_its_database_and_a_later_one_takes_it_away(tmp_path: Path) -> None:
    write(tmp_path / "geo.mmdb")
    located = replace(catalog(), version="v1", geo_database="geo.mmdb")
    async with table_for(tmp_path, "s0") as (store, term), start_shard(tmp_path, catalog_dir=str(tmp_path)) as process:
        assert process.shard is not None
        for number, rules_ in ((1, located), (2, replace(catalog(), version="v2"))):
            await store.put_catalog(rules_.version, encode_content(CatalogContent(rules_)))
            await process.shard.swap.prepare(number, rules_.version)
            await store.commit_catalog(term, CatalogRow(number, rules_.version, 1, "test"))
            process.shard.swap.finish(number, rules_.version)
            assert process.shard.context.country_of("203.0.113.7") == ("FI" if number == 1 else None)


async def test_a_shard_does_not_start_with_an_unusable_one_and_says_so(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"):
        process: ShardProcess = TestShard(tmp_path, replace(catalog(), geo_database="geo.mmdb"))
        await process.prepare()
        with pytest.raises(GeoDatabaseUnusable, match=r"geo database .*geo\.mmdb: .*No such file"):
            await process.activate("s0")
        assert process.shard is None and settings(tmp_path).catalog_dir == "."
        await process.store.close()
