"""One run: a server as a user has it, a few players with something to lose, and schemathesis."""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any, Final, NamedTuple

from tests.support.croupier_up import Api, CroupierUp, environment, register

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
PLAYERS: Final = ("p0", "p1", "p2")
WITHDRAWING: Final = "p3"
"""Has no bonus that a withdrawal would take."""
GAMES: Final = ("book-of-dunes", "nine-lanterns")


class Run(NamedTuple):
    """What came of it: schemathesis' own report, all it printed, and what the server wrote to standard error."""

    report: dict[str, Any]
    printed: str
    stderr: str
    server_exit: int


def fuzz(folder: Path, *options: str) -> Run:
    """Runs schemathesis with all checks and `options` against a fresh `croupier up` on loopback and SQLite."""
    server = CroupierUp(folder, f"sqlite:{folder / 'store'}", "--shards", "1", "--spares", "0", "--sandbox")
    try:
        known = json.dumps(inhabited(server.api))
        printed = schemathesis(server.url, folder / "report.json", known, *options)
    finally:
        server_exit = server.stop()
    report = folder / "report.json"
    assert report.exists(), f"schemathesis did not run:\n{printed}"
    return Run(json.loads(report.read_text()), printed, server.stderr(), server_exit)


def schemathesis(url: str, report: Path, known: str, *options: str) -> str:
    """All it printed; its report is in the file."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{url}/openapi.json"]
    command += ["--checks", "all", "--continue-on-failure", "--no-color", "--report-json-path", str(report), *options]
    env = environment(SCHEMATHESIS_HOOKS="tests.fuzz.hooks", FUZZ_KNOWN_IDS=known, PYTHONPATH=str(ROOT))
    return subprocess.run(command, cwd=report.parent, env=env, stdout=PIPE, stderr=STDOUT, text=True).stdout


def inhabited(api: Api) -> dict[str, list[str]]:
    """Registers the players, gives them money, bonuses, points and open rounds; the ids that lead somewhere."""
    known: dict[str, list[str]] = defaultdict(list)
    known |= {
        "player_id": [*PLAYERS, WITHDRAWING],
        "game_id": [*GAMES],
        "campaign_id": ["welcome-100"],
        "level": ["gold"],
    }
    known |= {"currency": ["EUR"], "transaction_id": ["bet-1"]}
    for player_id in PLAYERS:
        register(api, player_id, 1_000_000)
        for grant in api.platform("GET", f"/players/{player_id}").json()["grants"]:
            known["grant_id"].append(grant["grant_id"])
        for game_id in GAMES:
            spin = f"/spin?player_id={player_id}&game_id={game_id}&mode=real&bet=100"
            known["session_id"].append(api.game("POST", spin).json()["session_id"])
        assert api.game("POST", spin.replace("nine-lanterns", "european-roulette") + "&win=40", key="bet-1").is_success
        points = {"player_id": player_id, "points": 5_000, "reason": "to be redeemed"}
        assert api.person("loyalty_admin", "POST", "/loyalty/points/add", points).is_success
        redeemed = api.platform("POST", "/loyalty/redemptions", {"player_id": player_id, "points": 1_000})
        known["redemption_id"].append(redeemed.json()["redemption_id"])
    register(api, WITHDRAWING, 900)
    withdrawn = api.platform("POST", f"/players/{WITHDRAWING}/withdrawals", {"amount": 100})
    known["withdrawal_id"].append(withdrawn.json()["withdrawal_id"])
    return dict(known)
