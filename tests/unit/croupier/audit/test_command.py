"""`croupier audit`: what a person types, and what is said to mistakes."""

import json
import shutil
from pathlib import Path

import pytest

from croupier.cli import main
from feeds.audit.receipts import Asked
from tests.support.forging import build, forged, journal
from tests.support.proving import ProvenArchive
from tests.unit.croupier.audit.test_tampering import richer_alice


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> ProvenArchive:
    return build(tmp_path_factory.mktemp("honest"), journal())


@pytest.fixture
def key(honest: ProvenArchive, tmp_path: Path) -> str:
    path = tmp_path / "key"
    path.write_text(f"{honest.signer.verifier}\n")
    return str(path)


def test_a_sound_archive(honest: ProvenArchive, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    kept = str(honest.folder / "checkpoints")
    assert main(["audit", "verify", str(honest.folder), "--public-key", key, "--since", kept]) == 0
    said = capsys.readouterr().out
    assert "log: casino.example/log, 87 leaves, of which checkpoints cover 87" in said
    assert "checkpoints: 6 proven, of 3 in the archive and 3 that you kept" in said
    assert "total EUR: 3 players, real " in said
    assert said.splitlines()[-1].startswith("sound; ")


def test_what_was_not_brought_is_said(honest: ProvenArchive, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(honest.folder)]) == 0
    said = capsys.readouterr().out
    assert "the key that lies in the archive" in said and "--since" in said


def test_one_that_is_not_sound(
    honest: ProvenArchive, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged(honest.folder, tmp_path / "forged", richer_alice)
    since = str(sorted(honest.folder.glob("checkpoints/*/*/*/*"))[0])
    asked = ["audit", "verify", str(tmp_path / "forged"), "--public-key", key, "--since", since]
    assert main(asked) == 1
    said = capsys.readouterr().out
    assert said.startswith(f"history_rewritten: {since}: the first 28 leaves")
    assert "NOT SOUND: 1 faults" in said.splitlines()[-1]
    assert main([*asked, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["sound"], report["faults"][0]["kind"]) == (False, "history_rewritten")


@pytest.mark.parametrize("asserted", ["", "somebody-else,0,100,0\n", "alice,99999,100,0\n"])
def test_balances_of_which_none_is_in_the_archive_are_no_proof(
    honest: ProvenArchive, tmp_path: Path, asserted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    balances = tmp_path / "balances.csv"
    balances.write_text(f"player_id,version,real,bonus\n{asserted}")
    assert main(["audit", "verify", str(honest.folder), "--balances", str(balances)]) == 1
    said = capsys.readouterr()
    assert "0 balances compared" in said.out and f"of {bool(asserted):d} balances asserted, none" in said.err


async def receipt_of(archive: ProvenArchive, path: Path) -> dict[str, object]:
    session = journal()[1][0][0].events[0].session_id  # type: ignore[union-attr]
    said = json.loads(await archive.receipts().answer(Asked("alice", session)))
    path.write_text(json.dumps(said["receipt"]))
    found: dict[str, object] = said["receipt"]
    return found


def test_a_receipt_beside_a_tile_that_is_cut_off(
    honest: ProvenArchive, key: str, receipt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said as a fault of that receipt, with all that was found else."""
    shutil.copytree(honest.folder, tmp_path / "changed")
    tile = max((tmp_path / "changed/tile/0/000.p").iterdir(), key=lambda path: int(path.name))
    tile.write_bytes(tile.read_bytes()[:-1])
    assert main(["audit", "verify", str(tmp_path / "changed"), "--public-key", key, "--receipt", str(receipt)]) == 1
    assert f"receipt_invalid: {receipt}: tile/0/000.p/87 has 2783 bytes" in capsys.readouterr().out


@pytest.fixture
async def receipt(honest: ProvenArchive, tmp_path: Path) -> Path:
    await receipt_of(honest, tmp_path / "receipt.json")
    return tmp_path / "receipt.json"


def test_receipts_are_checked_too(
    honest: ProvenArchive, key: str, receipt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["audit", "verify", str(honest.folder), "--public-key", key, "--receipt", str(receipt)]
    assert main(asked) == 0
    forged(honest.folder, tmp_path / "forged", richer_alice)
    asked[2] = str(tmp_path / "forged")
    assert main(asked) == 1
    receipt.write_text(receipt.read_text().replace('"version": 10', '"version": 11'))
    asked[2] = str(honest.folder)
    assert main(asked) == 1
    assert f"receipt_invalid: {receipt}: its leaf is version 10" in capsys.readouterr().out


def test_balances_are_compared(
    honest: ProvenArchive, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "balances.csv"
    asked = ["audit", "verify", str(honest.folder), "--public-key", key, "--balances", str(table)]
    table.write_text("player_id,version,real,bonus\nalice,4,9990,0\nbob,,10070,0\n")
    assert main(asked) == 0, capsys.readouterr().out
    assert "2 balances compared" in capsys.readouterr().out
    table.write_text("player_id,version,real,bonus\nalice,4,9991,0\n")
    assert main(asked) == 1
    assert "real 9991 and bonus 0 are asserted; what happened leads to 9990 and 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("player_id,real,bonus\n", "the column version is missing"),
        ("player_id,version,real,bonus\nann,1,x,0\n", ":2: version, real and bonus must be whole numbers"),
    ],
)
def test_a_table_with_mistakes(
    honest: ProvenArchive, tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "balances.csv"
    table.write_text(text)
    assert main(["audit", "verify", str(honest.folder), "--balances", str(table)]) == 2
    assert words in capsys.readouterr().err


def test_what_can_not_be_looked_at(honest: ProvenArchive, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(tmp_path / "nowhere")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    wrong = tmp_path / "key"
    wrong.write_text("not a key\n")
    assert main(["audit", "verify", str(honest.folder), "--public-key", str(wrong)]) == 2
    assert "--public-key: 'not a key' is no Ed25519 verifier key" in capsys.readouterr().err
    assert main(["audit", "verify", str(honest.folder), "--since", str(tmp_path / "gone.note")]) == 2
    assert "gone.note can't be read" in capsys.readouterr().err


def test_an_empty_folder_is_not_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(tmp_path)]) == 1
    assert "checkpoint_missing" in capsys.readouterr().out


def test_an_export_says_how_to_verify_it(
    honest: ProvenArchive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "export", str(honest.folder), str(tmp_path / "export")]) == 0
    assert "verify.py archive" in capsys.readouterr().out
    assert len(list((tmp_path / "export/segments").rglob("*.msgpack"))) == 3
