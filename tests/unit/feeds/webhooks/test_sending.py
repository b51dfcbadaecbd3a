"""What is read of an answer, and when what failed is repeated."""

import random

import pytest

from feeds.webhooks.messages import BODY_BYTES_MAX, Message
from feeds.webhooks.schedule import ATTEMPTS_MAX, WAITS_MS, wait_ms
from feeds.webhooks.sending import Attempt, retry_after_ms

NOW_MS = 1_767_225_600_000


@pytest.mark.parametrize(
    ("said", "ms"),
    [
        ("", 0),
        ("120", 120_000),
        ("99999999999999999999", 999_999_999_000),
        ("-5", 0),
        ("soon", 0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60_000),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(said: str, ms: int) -> None:
    assert retry_after_ms(said, NOW_MS) == ms


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_some_refusals_tell_of_the_message(status: int) -> None:
    assert Attempt("failed", status, 1).blames_message


@pytest.mark.parametrize("status", [0, 301, 401, 403, 404, 408, 410, 425, 429, 500, 503])
def test_others_tell_of_the_endpoint(status: int) -> None:
    assert not Attempt("failed", status, 1).blames_message


def test_waits_are_those_promised_with_a_tenth_of_jitter() -> None:
    chance = random.Random(1)
    for attempts in range(1, ATTEMPTS_MAX + 20):
        promised = WAITS_MS[min(attempts, len(WAITS_MS)) - 1]
        assert promised <= wait_ms(attempts, chance) <= promised * 1.1
    assert (ATTEMPTS_MAX, sum(WAITS_MS)) == (10, 272_105_000)


def test_no_body_reaches_20_kb() -> None:
    def message(size: int) -> Message:
        return Message("p" * 64, 10**15, 10**7, "PointsRedemptionRequested", NOW_MS, b"x" * size, superseded=10**9)

    largest = next(size for size in range(BODY_BYTES_MAX, 0, -1) if not message(size).too_large)
    assert 19_000 < len(message(largest).body()) < BODY_BYTES_MAX
