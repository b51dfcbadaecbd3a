"""The alert that the archive is behind, by time and by bytes."""

import logging

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from feeds.archive.settings import ArchiveSettings
from feeds.behind import BehindAlert, BehindLimits
from snapshots.archive.place import ArchivePlace

LIMITS = BehindLimits(alert_after_minutes=2, alert_after_bytes=2_000_000)


def alert() -> tuple[BehindAlert, CollectorRegistry]:
    registry = CollectorRegistry()
    return BehindAlert("archive", LIMITS, registry), registry


@pytest.mark.parametrize(("lag_s", "held_bytes"), [(120.0, 0), (0.0, 2_000_000)])
def test_time_and_bytes_each_alert(lag_s: float, held_bytes: int, caplog: pytest.LogCaptureFixture) -> None:
    watch, registry = alert()
    watch.look(119, 1_999_999)
    assert registry.get_sample_value("reader_behind", {"reader": "archive"}) == 0
    watch.look(lag_s, held_bytes)
    assert registry.get_sample_value("reader_behind", {"reader": "archive"}) == 1
    assert f"{lag_s:.0f} s, {held_bytes} bytes of the journal are kept" in caplog.text


def test_it_is_told_once_and_ends_when_the_reader_has_caught_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    watch, registry = alert()
    for lag_s in (130, 140, 119, 97):  # near the limit it does not flutter
        watch.look(lag_s, 0)
    assert len(caplog.records) == 1 and watch.behind
    watch.look(95, 0)
    assert caplog.records[-1].message == "reader archive has caught up: 95 s behind"
    assert registry.get_sample_value("reader_behind", {"reader": "archive"}) == 0


def test_the_limits_are_read_from_the_settings_of_the_archive() -> None:
    settings = ArchiveSettings(
        place=ArchivePlace("/archive"),
        spool="/spool",
        key_file="key",
        alert_after_minutes=3,
        alert_after_bytes=5 * 2**20,
    )
    found = msgspec.json.decode(msgspec.json.encode(settings), type=BehindLimits)
    assert found == BehindLimits(3, 5 * 2**20)
    assert BehindLimits() == BehindLimits(settings.__struct_defaults__[-2], settings.__struct_defaults__[-1])
