"""Brokers that are away don't fill the log."""

import logging

from feeds.bus.incoming.library_log import SPARE_S, Sparing


def line(text: str) -> logging.LogRecord:
    return logging.LogRecord("librdkafka", logging.ERROR, "", 0, text, (), None)


def test_one_line_of_a_kind_is_let_through_now_and_then() -> None:
    now = 0.0
    sparing = Sparing(lambda: now)
    assert sparing.filter(line("FAIL broker 1: connection refused"))
    assert not sparing.filter(line("FAIL broker 2: connection refused"))
    assert sparing.filter(line("SESSTMOUT the session timed out"))
    now = SPARE_S
    assert sparing.filter(line("FAIL broker 1: connection refused"))
