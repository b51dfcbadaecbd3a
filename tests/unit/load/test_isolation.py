"""Locust patches sockets and threads when it is imported: no test may see that."""

import sys

import tests.load.player
import tests.load.seat
import tests.load.settings
import tests.load.verdict  # noqa: F401  # what can be tested without locust, is


def test_the_plain_modules_do_not_bring_locust_in() -> None:
    assert {"locust", "gevent"} & sys.modules.keys() == set()
