"""`make fuzz`: at least 10 000 cases, and the report in docs/fuzz.md. Exit code 1 if anything was found."""

import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tests.fuzz.fuzzing import ROOT, Run, fuzz
from tests.fuzz.hooks import EXCEPTIONS

REPORT: Final = ROOT / "docs/fuzz.md"
CASES_MIN: Final = 10_000
PER_OPERATION: Final = os.environ.get("FUZZ_CASES_PER_ROUTE", "220")
SEED: Final = os.environ.get("FUZZ_SEED", "1")


def main() -> int:
    """Runs, prints what was found, writes the report."""
    with tempfile.TemporaryDirectory(prefix="croupier-fuzz-") as folder:
        run = fuzz(Path(folder), "--seed", SEED, "--max-examples", PER_OPERATION)
    print(run.printed)
    if "Traceback" in run.stderr:
        print(run.stderr)
    text = written(run)
    REPORT.write_text(text)
    print(text)
    return 0 if sound(run) and run.report["test_cases"]["generated"] >= CASES_MIN else 1


def sound(run: Run) -> bool:
    """Nothing was found, and the server neither failed inside nor ended badly."""
    return (run.report["exit_code"], run.server_exit, "Traceback" in run.stderr) == (0, 0, False)


def written(run: Run) -> str:
    """The report as a page."""
    report = run.report
    cases, failures = report["test_cases"], report["failures"]
    figures = {
        "Croupier": version("croupier"),
        "schemathesis": report["schemathesis_version"],
        "Python": platform.python_version(),
        "routes": report["operations"]["tested"],
        "phases": ", ".join(name for name, phase in report["phases"].items() if phase["status"] != "skip"),
        "checks": "all",
        "seed": report["seed"],
        "cases": f"{cases['generated']:,}",
        "cases with failures": cases["with_failures"],
        "different failures": cases["unique_failures"],
        "errors": cases["errored"],
        "failures inside the server": run.stderr.count("Traceback"),
        "seconds": round(report["running_time"]),
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in figures.items())
    exceptions = "\n".join(f"- {what}. {why}" for what, why in EXCEPTIONS.items())
    found = "\n".join(f"- {listed(failure)}" for failure in failures) or "Nothing."
    return f"""# Fuzzing the HTTP API

`make fuzz` starts `croupier up` on loopback with SQLite, signed requests and the sandbox clock, and has
[schemathesis](https://schemathesis.io) send what the OpenAPI document allows and what it forbids. This page is
written by it. Every run of the tests sends a short selection (`tests/e2e/test_fuzz.py`).

Last run: {datetime.now(UTC):%Y-%m-%d}.

| | |
|---|---|
{table}

## Found

{found}

## Exceptions

{exceptions}
"""


def listed(failure: dict[str, Any]) -> str:
    """A kind of failure and where it was seen."""
    return f"{failure['title']} ({failure['count']}): {', '.join(map(str, failure['operations']))}"


if __name__ == "__main__":
    sys.exit(main())
