"""What an auditor would do: `croupier audit verify` over the archive, with the balances that the players' books say."""

import csv
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.chaos.crowd import Crowd
from tests.chaos.house import House
from tests.support.croupier_up import environment

ARCHIVED_S: Final = 90
"""A segment is cut when it is 20 s old."""
LOOK_S: Final = 5


class Verified(NamedTuple):
    """What the verifier said; `exit_code` 0: sound."""

    exit_code: int
    entries: int
    players: int
    compared: int
    leaves: int
    checkpoints: int
    faults: list[str]

    def complaints(self, entries: int, players: int) -> list[str]:
        """Whether it is sound, has all entries, and knows all players from their first one on."""
        found = [f"croupier audit verify: exit code {self.exit_code}: {fault}" for fault in self.faults[:5]]
        if self.exit_code and not found:
            found.append(f"croupier audit verify: exit code {self.exit_code}")
        if (self.entries, self.players) != (entries, players):
            found.append(
                f"the archive has {self.entries} entries of {self.players} players, not {entries} of {players}"
            )
        return found


def await_archived(house: House, entries: int) -> None:
    """Waits until the archive has all entries, or no longer if it never comes: `complaints` tells."""
    deadline = time.monotonic() + ARCHIVED_S
    while verify(house, None).entries < entries and time.monotonic() < deadline:
        time.sleep(LOOK_S)


def verify(house: House, balances: Path | None) -> Verified:
    """Runs the verifier, with the store as it is."""
    command = [sys.executable, "-m", "croupier", "audit", "verify", str(house.archive), "--json", "--processes", "0"]
    if balances is not None:
        command += ["--store", house.stores.url, "--balances", str(balances)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300)
    try:
        said: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        return Verified(done.returncode, 0, 0, 0, 0, 0, [done.stderr[-300:]])
    return Verified(
        exit_code=done.returncode,
        entries=said["entries"],
        players=said["players"],
        compared=said["compared"],
        leaves=said["leaves"],
        checkpoints=said["proven_checkpoints"],
        faults=[json.dumps(fault) for fault in said["faults"]],
    )


def write_balances(crowd: Crowd, entries: Mapping[str, int], path: Path) -> None:
    """Real and bonus money by the players' books, at the version that the number of their entries says."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("player_id", "version", "real", "bonus"))
        for seat in crowd.seats:
            balance = seat.player.books.balance
            player_id = seat.player.player_id
            writer.writerow((player_id, entries[player_id], balance["real"], balance["bonus"]))
