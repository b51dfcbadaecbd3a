"""The exit code of `make load`."""

import pytest

from tests.load.__main__ import conclude


@pytest.mark.parametrize(
    ("verdict", "server_exit", "log", "code", "said"),
    [
        (0, 0, "a warning", 0, ""),
        (1, 0, "", 1, ""),
        (2, 0, "", 1, ""),
        (0, 1, "", 1, "FAILED: the server ended with exit code 1"),
        (0, 0, "Traceback (most recent call last)", 1, "FAILED: the server failed inside"),
    ],
)
def test_locust_and_the_server_must_both_be_well(
    verdict: int, server_exit: int, log: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert conclude(verdict, server_exit, log) == code
    printed = capsys.readouterr().out
    assert said in printed
    assert ("FAILED" in printed) == bool(said)
    assert "build/load.html" in printed
