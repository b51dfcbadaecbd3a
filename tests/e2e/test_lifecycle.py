"""A server of its own next to another: the README's walk-through, SIGTERM, the same state after a restart."""

import os
import re
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.croupier_up import CroupierUp, gone
from tests.support.typed import typed as typed_here

pytestmark = pytest.mark.timeout(240)

README = Path(__file__).parents[2] / "README.md"
SERVER = "http://127.0.0.1:8080"


def curl_commands() -> list[list[str]]:
    """What the README tells to type, in order."""
    section = README.read_text().partition("## A free spin with curl")[2].partition("\n## ")[0]
    script = re.search(r"```bash\n(.*?)```", section, re.DOTALL)
    assert script is not None
    lines = script.group(1).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("curl ")]


def typed(arguments: list[str], url: str) -> httpx.Response:
    """Does what curl does with -X, -H and -d."""
    method, headers, data, target = "GET", {}, None, ""
    words = iter(arguments)
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = next(words)
        else:
            target = word
    assert target.startswith(SERVER)
    return httpx.request(method, target.replace(SERVER, url), headers=headers, content=data, timeout=20)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:{tmp_path_factory.mktemp('lifecycle') / 'store'}"


def changes() -> list[list[str]]:
    """Those commands of the README that change something."""
    return [command for command in curl_commands() if "-X" in command]


@pytest.fixture(scope="module")
def first(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CroupierUp]:
    running = CroupierUp(tmp_path_factory.mktemp("first"), store, "--spares", "0", auth="open")
    yield running
    if running.process.poll() is None:
        running.kill_everything()


@pytest.fixture(scope="module")
def walked(first: CroupierUp) -> list[tuple[int, dict[str, Any]]]:
    """Status and document of every command of the walk-through."""
    answers = [typed(command, first.url) for command in curl_commands()]
    return [(answer.status_code, answer.json()) for answer in answers]


def test_the_walk_through_of_the_readme(walked: list[tuple[int, dict[str, Any]]]) -> None:
    assert [status for status, _ in walked] == [201, 201, 200, 200, 200, 200, 200, 200]
    _, deposit, free_spin, won, again, real, player, loyalty = (document for _, document in walked)
    assert (deposit["granted"][0]["amount"], deposit["granted"][0]["free_spins"]) == (1_000, 20)
    assert (free_spin["session_id"], free_spin["bet_amount"], free_spin["remaining_spins"]) == ("ada-3", 10, 19)
    assert (free_spin["funds"], free_spin["state"]) == ({"real": 0, "bonus": 0}, "open")
    assert (won["win_amount"], won["balance"]["bonus"], won["state"]) == (250, 1_250, "closed")
    assert again == won | {"replayed": True}
    assert (real["funds"], real["win_amount"]) == ({"real": 100, "bonus": 0}, 40)
    assert player["balance"] == {"real": 940, "bonus": 1_250, "bonus_usable": 1_000, "withdrawable": 940}
    assert sorted(grant["remaining_wager"] for grant in player["grants"]) == [250 * 20, 1_000 * 35 - 100]
    assert (loyalty["level"], loyalty["points"]["available"], loyalty["cumulative_turnover_eur"]) == (
        "bronze",
        1,
        "1.00",
    )


def test_two_instances_on_one_machine_do_not_meet(
    server: CroupierUp, first: CroupierUp, walked: list[tuple[int, dict[str, Any]]]
) -> None:
    assert set(server.tree()).isdisjoint(first.tree())
    assert server.api.platform("GET", "/players/ada").json()["code"] == "player_not_found"
    assert first.api.plain("GET", "/players/ada").status_code == 200


def test_status_needs_no_proof_of_an_open_server(first: CroupierUp) -> None:
    assert typed_here("status", "--url", first.url).returncode == 0


def test_sigterm_ends_everything_and_a_restart_finds_it_all(
    first: CroupierUp, store: str, walked: list[tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    player = httpx.get(f"{first.url}/players/ada").json()
    processes = first.tree()
    assert first.stop() == 0
    assert (first.farewell, first.stderr()) == ("", ""), "not a word, least of all of Ray about workers that died"
    assert gone(processes)
    second = CroupierUp(tmp_path, store, "--shards", "1", auth="open")
    try:
        assert httpx.get(f"{second.url}/players/ada").json() == player
        assert [typed(command, second.url).json()["replayed"] for command in changes()] == [True] * 6
    finally:
        assert second.stop() == 0
    assert (second.farewell, second.stderr()) == ("", ""), "its spare, which never served, says nothing either"


@pytest.mark.long
def test_sigterm_at_once_with_a_spare_that_never_served_prints_nothing(tmp_path: Path) -> None:
    server = CroupierUp(tmp_path, f"sqlite:{tmp_path / 'store'}", "--shards", "1", auth="open")
    assert server.stop() == 0
    assert (server.farewell, server.stderr()) == ("", "")


@pytest.mark.long
def test_sigterm_drains_also_while_the_supervisor_is_being_restarted(tmp_path: Path) -> None:
    """It was killed a moment ago; whoever is told to stop waits for its successor and says no word about it."""
    server = CroupierUp(tmp_path, f"sqlite:{tmp_path / 'store'}", "--spares", "0", "--shards", "1", auth="open")
    (supervisor,) = [pid for pid in server.tree() if command_of(pid).startswith("ray::Supervisor")]
    os.kill(supervisor, signal.SIGKILL)
    assert server.stop() == 0
    assert "Traceback" not in server.stderr()


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""
