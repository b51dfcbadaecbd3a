"""A spin over HTTP, its receipt, and the archive that proves it: to Croupier and to verify.py alone."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from croupier.audit import verify as standalone
from croupier.audit.expecting import snapshots_of
from snapshots.audit.notes import read_checkpoint
from tests.support.croupier_up import CroupierUp, croupier, register, wait_until
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.timeout(240)


def spin(proven: CroupierUp, player_id: str) -> str:
    """The session id of a spin."""
    target = f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real&bet=10&win=5"
    answer = proven.api.game("POST", target)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["session_id"])


def public_key(folder: Path, target: Path) -> Path:
    [path] = (folder / "archive/keys").glob("*.vkey")
    target.write_text(path.read_text())
    return target


def test_a_receipt_proves_a_spin(proven: CroupierUp, proven_folder: Path, tmp_path: Path) -> None:
    register(proven.api, "receipted", 1_000)
    session = spin(proven, "receipted")
    target = f"/players/receipted/receipts/{session}"
    first = proven.api.person("auditor", "GET", target)
    if first.status_code != 200:
        assert (first.status_code, first.json()["code"]) == (409, "receipt_pending")
        assert int(first.headers["retry-after"]) == 1
    wait_until("the receipt is there", lambda: proven.api.person("auditor", "GET", target).status_code == 200, 60)
    receipt = proven.api.person("support", "GET", target).json()
    assert len(json.dumps(receipt)) < 3_000
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(receipt))
    key = public_key(proven_folder, tmp_path / "key")
    command = [sys.executable, standalone.__file__, "receipt", str(path), "--public-key", str(key)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert session in done.stdout and '"BetPlaced"' in done.stdout
    check_archive(proven_folder, key, path, receipt["checkpoint"])


def check_archive(folder: Path, key: Path, receipt: Path, checkpoint: str) -> None:
    """The archive has grown from the receipt's checkpoint; the snapshots of the store fit what is recomputed."""
    since = folder / "kept.note"
    since.write_text(checkpoint)
    store = f"sqlite:{folder / 'store'}"
    options = ("--public-key", str(key), "--since", str(since), "--receipt", str(receipt), "--store", store, "--json")
    wait_until("a young Croupier has written snapshots", lambda: asyncio.run(snapshots_of(store)), 60)
    done = croupier("audit", "verify", str(folder / "archive"), *options, timeout=120)
    report = json.loads(done.stdout)
    assert (done.returncode, report["sound"], report["faults"]) == (0, True, [])
    assert report["compared"] > 0
    assert report["leaves"] >= read_checkpoint(checkpoint).size
    assert report["recomputed"] == report["entries"] > 0


def test_a_round_that_never_was(proven: CroupierUp) -> None:
    register(proven.api, "no-rounds", 0)
    answer = proven.api.person("support", "GET", "/players/no-rounds/receipts/s-none")
    assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")
    assert proven.api.person("support", "GET", "/players/nobody-here/receipts/s-1").json()["code"] == "player_not_found"


def test_checkpoints_are_published_and_the_keeper_shows_itself(proven: CroupierUp, proven_folder: Path) -> None:
    register(proven.api, "published", 500)
    vault = proven_folder / "vault"
    wait_until("a checkpoint arrived", lambda: any(vault.rglob("*.note")), 60)
    note = sorted(vault.rglob("*.note"))[0]
    assert (proven_folder / "archive" / note.relative_to(vault)).read_text() == note.read_text()
    targets = proven.api.plain("GET", "/metrics/targets").json()
    [target] = [each["targets"][0] for each in targets if each["labels"].get("reader") == "archive"]
    with urlopen(f"http://{target}/metrics", timeout=PATIENCE_S) as response:
        shown = response.read().decode()
    names = ["audit_tree_size", "audit_checkpoints_total", "audit_checkpoint_age_seconds", "audit_failures_total 0.0"]
    for name in (*names, 'audit_published_total{destination="vault"}', 'breaker_state{breaker="audit"} 0.0'):
        assert name in shown, shown
