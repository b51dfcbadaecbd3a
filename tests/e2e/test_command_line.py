"""The `croupier` command as it is typed: once as a process of its own, then in this one."""

from pathlib import Path

import pytest

from croupier.settings import default_catalog
from tests.support.croupier_up import Api, croupier, token
from tests.support.redis_server import free_port
from tests.support.typed import typed

SUBCOMMANDS = ("up", "gateway", "demo", "status", "catalog")


def test_help_lists_every_subcommand() -> None:
    ended = croupier("--help")
    assert ended.returncode == 0
    assert all(f"    {name} " in ended.stdout for name in SUBCOMMANDS)


@pytest.mark.parametrize(
    "arguments", [*((name,) for name in SUBCOMMANDS), ("catalog", "check"), ("catalog", "texts", "push")]
)
def test_every_subcommand_explains_itself(arguments: tuple[str, ...]) -> None:
    ended = typed(*arguments, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"usage: croupier {' '.join(arguments)}")


@pytest.mark.parametrize("arguments", [(), ("fly",), ("up", "--port", "high"), ("up", "--shards", "0")])
def test_what_is_mistyped_ends_with_2(arguments: tuple[str, ...]) -> None:
    ended = typed(*arguments)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert ended.stderr


@pytest.mark.timeout(240)
def test_status_shows_the_shards(api: Api) -> None:
    ended = typed("status", "--url", api.url, "--token", token("ops"), COLUMNS="150")
    assert ended.returncode == 0
    shard = api.shards()["s0"]
    assert all(str(shard[name]) in ended.stdout for name in ("shard_id", "epoch", "pid", "address", "slots"))


@pytest.mark.timeout(240)
def test_status_needs_the_role(api: Api) -> None:
    ended = typed("status", "--url", api.url)
    assert ended.returncode == 1
    assert "401" in ended.stderr


def test_status_of_nothing() -> None:
    ended = typed("status", "--url", f"http://127.0.0.1:{free_port()}")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "no Croupier answers" in ended.stderr


@pytest.mark.parametrize("url", ["zz", "http://127.0.0.1:high"])
@pytest.mark.parametrize("command", [("status",), ("catalog", "deploy", str(default_catalog()))])
def test_a_url_that_is_none(command: tuple[str, ...], url: str) -> None:
    ended = typed(*command, "--url", url)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert f"no Croupier answers at {url}" in ended.stderr


@pytest.mark.parametrize("direction", ["push", "pull"])
def test_texts_take_the_folder_behind_their_options(direction: str, tmp_path: Path) -> None:
    ended = typed("catalog", "texts", direction, "--service", "lokalise", str(tmp_path))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "LOKALISE_API_TOKEN" in ended.stderr


def test_the_shipped_catalog_is_fine() -> None:
    ended = typed("catalog", "check")
    assert (ended.returncode, "8 games, 13 campaigns" in ended.stdout) == (0, True)


def test_a_catalog_with_a_problem_is_told_where(tmp_path: Path) -> None:
    for name in ("platform.yaml", "games.yaml"):
        (tmp_path / name).write_text((default_catalog() / name).read_text())
    (tmp_path / "games.yaml").write_text("games:\n  wheel: {type: dice, provider: x, min_bet: 1, max_bet: 2}\n")
    ended = typed("catalog", "check", str(tmp_path))
    assert ended.returncode == 1
    assert "games.yaml:2" in ended.stdout
