"""One Croupier with an archive that is cut every half second, for all tests of proof; it must end cleanly, too."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.croupier_up import CroupierUp

SEGMENT_AGE_S = CHECKPOINT_S = 0.5
ORIGIN = "casino.example/log"


def integrations_file(folder: Path) -> Path:
    """integrations.yaml: an archive in `folder/archive` that is there almost at once, checkpoints in `folder/vault`."""
    archive = {
        "place": {"url": str(folder / "archive")},
        "spool": str(folder / "spool"),
        "key_file": str(folder / "archive.key"),
        "segment_age_s": SEGMENT_AGE_S,
    }
    audit = {
        "origin": ORIGIN,
        "checkpoint_s": CHECKPOINT_S,
        "publish": {"vault": {"bucket": {"url": str(folder / "vault")}}},
    }
    path = folder / "integrations.yaml"
    path.write_text(json.dumps({"archive": archive, "audit": audit}))
    return path


@pytest.fixture(scope="package")
def proven_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `proven` has its store (`store`), its archive (`archive`) and its keys."""
    return tmp_path_factory.mktemp("proven")


@pytest.fixture(scope="package")
def proven(proven_folder: Path) -> Iterator[CroupierUp]:
    """A Croupier whose entries are in the archive within about two seconds."""
    file = integrations_file(proven_folder)
    options = ("--shards", "1", "--spares", "0", "--integrations", str(file))
    running = CroupierUp(proven_folder, f"sqlite:{proven_folder / 'store'}", *options, archive=True)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr()
