"""The archive goes on without what its proof alone needs: the signing key, the secrets of destinations."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from feeds.audit import keeper as module
from feeds.audit.making import make
from tests.support.archiving import MemoryNotes, PlayedLog
from tests.support.patience import PATIENCE_S


async def test_archiving_begins_without_the_proofs_key_and_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST_S", 0.01)
    webhook = {"url": "https://regulator.example/checkpoints", "secrets": [{"env": "SECRET_THAT_IS_GONE"}]}
    settings = {
        "place": {"url": str(tmp_path / "archive")},
        "spool": str(tmp_path / "spool"),
        "key_file": str(tmp_path / "archive.key"),
        "segment_age_s": 0.2,
        "audit": {
            "key": {"env": "KEY_THAT_IS_GONE"},
            "checkpoint_s": 0.2,
            "publish": {"regulator": {"webhook": webhook}},
        },
    }
    registry, played = CollectorRegistry(), PlayedLog()
    archive = await make(msgspec.json.encode(settings), MemoryNotes(), registry)  # type: ignore[arg-type]

    def age() -> float | None:
        return registry.get_sample_value("audit_checkpoint_age_seconds")

    await archive.open()
    try:
        await archive.take(played.arrive("alice"))
        async with asyncio.timeout(PATIENCE_S):
            while not archive.settled() or not registry.get_sample_value("audit_failures_total"):
                await asyncio.sleep(0.02)
        assert "KEY_THAT_IS_GONE" in caplog.text
        assert age()
        monkeypatch.setenv("KEY_THAT_IS_GONE", 64 * "7")
        async with asyncio.timeout(PATIENCE_S):
            while age() or not registry.get_sample_value("audit_checkpoints_total"):
                await asyncio.sleep(0.02)
    finally:
        await archive.close()
