"""What can't work is said at start: one clear sentence, exit code 2, no traceback."""

import asyncio
import shutil
import socket
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from croupier.settings import default_catalog
from tests.support.croupier_up import croupier, environment, keys_file
from tests.support.redis_server import RedisServer, free_port
from tests.support.typed import Typed, typed
from tests.unit.croupier.deploying.test_catalog_exponents import HELD, folder_with, stored

UP = ("up", "--port", "0")


def refused(*arguments: str, **env: str) -> str:
    """The one sentence on standard error of the command, run in this process."""
    return sentence(typed(*arguments, **env))


def refused_apart(*arguments: str, **env: str) -> str:
    """The same of a process of its own."""
    return sentence(croupier(*arguments, env=environment(**env)))


def sentence(ended: Typed | CompletedProcess[str]) -> str:
    """What it said, after an exit with code 2."""
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    lines = ended.stderr.strip().splitlines()
    assert lines and lines[-1].count("croupier: ") <= 1
    return ended.stderr


def test_a_broken_catalog_is_named_with_file_and_line(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    shutil.copytree(default_catalog(), catalog)
    campaign = catalog / "campaigns" / "welcome-100.yaml"
    campaign.write_text(campaign.read_text().replace('match_percent: "100"', "match_percent: lots"))
    stderr = refused_apart(*UP, "--store", f"sqlite:{tmp_path / 'store'}", "--catalog", str(catalog))
    assert "welcome-100.yaml:" in stderr
    assert "1 problem(s)" in stderr


def test_a_currency_whose_exponent_changed_while_players_hold_it(tmp_path: Path) -> None:
    """The store knows yen without digits behind the point, and somebody who has some."""
    store = asyncio.run(stored(tmp_path, HELD, EUR=2, JPY=0))
    stderr = refused(*UP, "--store", store, "--catalog", str(folder_with(tmp_path, EUR=2, JPY=2)))
    assert "platform.yaml:3: JPY has exponent 2 here, but 1 player holds it with exponent 0" in stderr


def test_a_catalog_that_is_not_there(tmp_path: Path) -> None:
    assert "nowhere" in refused(*UP, "--store", f"sqlite:{tmp_path}", "--catalog", str(tmp_path / "nowhere"))


def test_an_unreachable_redis() -> None:
    port = free_port()
    assert f"127.0.0.1:{port}" in refused(*UP, "--store", f"redis://127.0.0.1:{port}/0")


def test_a_redis_that_would_forget(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path / "redis", extra="--appendonly no").start()
    try:
        assert "appendonly" in refused(*UP, "--store", f"{redis.url}/0").lower()
    finally:
        redis.stop()


def test_a_store_nobody_knows() -> None:
    assert "mongodb" in refused(*UP, "--store", "mongodb://127.0.0.1/0")


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert str(tmp_path / "file") in refused(*UP, "--store", f"sqlite:{tmp_path / 'file' / 'store'}")


def test_open_doors_to_the_world(tmp_path: Path) -> None:
    stderr = refused(*UP, "--store", f"sqlite:{tmp_path}", "--host", "0.0.0.0", "--auth", "open")
    assert "0.0.0.0" in stderr and "--keys" in stderr


def test_a_shard_without_room_for_players(tmp_path: Path) -> None:
    stderr = refused(*UP, "--store", f"sqlite:{tmp_path}", "--residents-max", "99")
    assert "--residents-max 99: from 100 to 10000000 are possible" in stderr


def test_reservations_that_would_never_be_settled(tmp_path: Path) -> None:
    stderr = refused(*UP, "--store", f"sqlite:{tmp_path}", "--orphan-after", "0")
    assert "--orphan-after 0: from 1 to 3600 seconds are possible" in stderr


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AUTH", "none", "--auth none: open or hmac is possible"),
        ("LOG_LEVEL", "noisy", "--log-level noisy: DEBUG, INFO, WARNING or ERROR is possible"),
        ("SANDBOX", "please", "CROUPIER_SANDBOX=please: 1 or 0 is possible"),
        ("CATALOG_WATCH", "true", "CROUPIER_CATALOG_WATCH=true: 1 or 0 is possible"),
        ("TAKE_OVER", "yes", "CROUPIER_TAKE_OVER=yes: 1 or 0 is possible"),
    ],
)
def test_a_variable_nobody_understands(tmp_path: Path, name: str, value: str, expected: str) -> None:
    assert expected in refused(*UP, "--store", f"sqlite:{tmp_path}", **{f"CROUPIER_{name}": value})


def test_signatures_without_keys(tmp_path: Path) -> None:
    assert "--keys" in refused(*UP, "--store", f"sqlite:{tmp_path}", "--auth", "hmac")


def test_keys_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"api_keys": [{"id": "a"}]}')
    stderr = refused(*UP, "--store", f"sqlite:{tmp_path}", "--keys", str(tmp_path / "keys.json"))
    assert "keys.json" in stderr and "secret" in stderr


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        stderr = refused("up", "--port", port, "--store", f"sqlite:{tmp_path}")
    assert f"127.0.0.1:{port}" in stderr


def test_a_cluster_without_a_common_secret(tmp_path: Path) -> None:
    assert "CROUPIER_CLUSTER_SECRET" in refused(*UP, "--store", f"sqlite:{tmp_path}", "--ray-address", "127.0.0.1:1")
    keys = str(keys_file(tmp_path))
    assert "CROUPIER_CLUSTER_SECRET" in refused("gateway", "--store", "redis://127.0.0.1:1/0", "--keys", keys)


@pytest.mark.timeout(240)
def test_a_ray_that_is_not_there(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    options = ("--store", f"sqlite:{tmp_path}", "--ray-address", address)
    assert address in refused_apart(*UP, *options, CROUPIER_CLUSTER_SECRET="s" * 32)


def test_a_gateway_without_its_store(tmp_path: Path) -> None:
    port = free_port()
    store = f"redis://127.0.0.1:{port}/0"
    keys = str(keys_file(tmp_path))
    stderr = refused_apart("gateway", "--port", "0", "--store", store, "--keys", keys, CROUPIER_CLUSTER_SECRET="s" * 32)
    assert f"127.0.0.1:{port}" in stderr
