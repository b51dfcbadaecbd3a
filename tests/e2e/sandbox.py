"""A sandbox server as testers use it: its clock, players, operators and catalog folder."""

import subprocess
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from tests.support.catalog_folder import shipped
from tests.support.croupier_up import Api, CroupierUp, environment

DAY_S = 86_400
_AUTHOR = {"GIT_AUTHOR_NAME": "ann", "GIT_AUTHOR_EMAIL": "ann@example.com"}
_COMMITTER = {"GIT_COMMITTER_NAME": "ann", "GIT_COMMITTER_EMAIL": "ann@example.com"}
_ALONE = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
_numbers = count(1)


def git(folder: Path, *arguments: str) -> str:
    """Runs git there, apart from anybody's settings."""
    env = environment(**_AUTHOR, **_COMMITTER, **_ALONE)
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout


def commit(folder: Path, message: str) -> None:
    """All that changed there, as a commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def git_folder(folder: Path) -> Path:
    """The shipped catalog as a git repository with one commit."""
    shipped(folder)
    git(folder, "init", "--quiet")
    commit(folder, "the shipped catalog")
    return folder


class Sandbox:
    """A running `croupier up --sandbox`."""

    def __init__(self, server: CroupierUp, catalog: Path) -> None:
        self.server, self.catalog = server, catalog

    @property
    def api(self) -> Api:
        """Callers of it."""
        return self.server.api

    def player(self, deposit: int = 0, *segments: str) -> str:
        """Registers a player in EUR; `deposit` minor units of real money."""
        player_id = f"tester-{next(_numbers)}"
        body = {"currency": "EUR", "segments": list(segments)}
        assert self.api.platform("PUT", f"/players/{player_id}", body).status_code == 201
        if deposit:
            assert self.api.platform("POST", f"/players/{player_id}/deposits", {"amount": deposit}).status_code == 201
        return player_id

    def view(self, player_id: str) -> dict[str, Any]:
        """`GET /players/{id}`."""
        view: dict[str, Any] = self.api.platform("GET", f"/players/{player_id}").json()
        return view

    def grants(self, player_id: str) -> list[dict[str, Any]]:
        """`GET /players/{id}/bonuses`, newest first."""
        grants: list[dict[str, Any]] = self.api.platform("GET", f"/players/{player_id}/bonuses").json()["grants"]
        return grants

    def marketing(self, target: str, body: Any) -> httpx.Response:
        """A change by the marketing manager, under a new key."""
        return self.api.person("marketing_manager", "POST", target, body, key=self.api.new_key())

    def grant(self, player_id: str, campaign_id: str) -> dict[str, Any]:
        """A manual grant; the award."""
        answer = self.marketing(f"/players/{player_id}/bonuses", {"campaign_id": campaign_id, "reason": "a test"})
        assert answer.status_code == 201, answer.text
        award: dict[str, Any] = answer.json()["granted"]
        return award

    def verdict(self, player_id: str, grant_id: str, verdict: str) -> dict[str, Any]:
        """`approve`, `decline` or `release` by the marketing manager; the grant after it."""
        answer = self.marketing(f"/players/{player_id}/bonuses/{grant_id}/{verdict}", {"reason": f"{verdict}, a test"})
        assert answer.status_code == 200, answer.text
        state: dict[str, Any] = answer.json()
        return state

    def claim(self, player_id: str, grant_id: str) -> httpx.Response:
        """The player opts in."""
        return self.api.platform("POST", f"/players/{player_id}/bonuses/{grant_id}/claim")

    def spin(self, player_id: str, bet: int, win: int = 0, game: str = "book-of-dunes") -> httpx.Response:
        """A one-call spin with money."""
        return self.api.game("POST", f"/spin?player_id={player_id}&game_id={game}&mode=real&bet={bet}&win={win}")

    def free_spin(self, player_id: str, win: int = 0, game: str = "book-of-dunes") -> httpx.Response:
        """A one-call free spin."""
        return self.api.game("POST", f"/spin?player_id={player_id}&game_id={game}&mode=freespin&win={win}")

    def advance(self, seconds: int) -> None:
        """Moves the clock; when this returns, all work due by then is done."""
        answer = self.api.person("ops", "POST", "/sandbox/clock", {"advance_seconds": seconds})
        assert answer.status_code == 200, answer.text

    def deploy(self, body: Any) -> httpx.Response:
        """`POST /catalog/deploy` by the marketing manager."""
        return self.api.person("marketing_manager", "POST", "/catalog/deploy", body)

    def version(self) -> str:
        """Of the catalog in force."""
        version: str = self.api.person("auditor", "GET", "/catalog").json()["version"]
        return version

    def metrics(self, job: str) -> dict[str, float]:
        """Every metric without labels of the processes found by `/metrics/targets`, summed."""
        total: dict[str, float] = {}
        for entry in self.api.plain("GET", "/metrics/targets").json():
            if entry["labels"]["job"] == job:
                for name, value in scrape(entry["targets"][0]).items():
                    total[name] = total.get(name, 0) + value
        return total


def scrape(target: str) -> dict[str, float]:
    """One process's metrics without labels."""
    lines = httpx.get(f"http://{target}/metrics").text.splitlines()
    pairs = (line.split() for line in lines if not line.startswith("#") and "{" not in line)
    return {name: float(value) for name, value, *_ in pairs}
