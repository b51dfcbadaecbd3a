"""What the OpenAPI document says holds: a short run of schemathesis with all checks. `make fuzz` is the long one."""

from pathlib import Path

import pytest

from tests.fuzz.fuzzing import fuzz

pytestmark = pytest.mark.timeout(900)

CASES_MIN = 1_000


def test_croupier_does_what_its_document_says(tmp_path: Path) -> None:
    options = ("--seed", "8", "--generation-deterministic", "--max-examples", "2", "--phases", "coverage,fuzzing")
    run = fuzz(tmp_path, *options)
    report = run.report
    assert report["failures"] == [], run.printed
    assert report["errors"] == [], run.printed
    assert report["operations"]["tested"] == report["operations"]["total"]
    assert report["test_cases"]["generated"] >= CASES_MIN
    assert "Traceback" not in run.stderr
    assert (report["exit_code"], run.server_exit) == (0, 0)
