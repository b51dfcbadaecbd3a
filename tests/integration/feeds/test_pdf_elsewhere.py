"""A report as a PDF has the same bytes in another process, with another clock, language and order of hashes."""

import subprocess
import sys

import matplotlib

from feeds.reports.pdf.rendering import render
from tests.unit.feeds.reports.test_pdf import ALL_KINDS, document

ELSEWHERE = """
import sys
from feeds.reports.pdf.rendering import render
from tests.unit.feeds.reports.test_pdf import ALL_KINDS, document
sys.stdout.buffer.write(render(document(charts=ALL_KINDS[:4])))
"""


def test_the_same_report_has_the_same_bytes_in_two_processes() -> None:
    here = render(document(charts=ALL_KINDS[:4]))
    environment = {
        "MPLCONFIGDIR": matplotlib.get_configdir(),
        "PYTHONHASHSEED": "77",
        "TZ": "Asia/Tokyo",
        "PATH": "",
        "LC_ALL": "C",
    }
    there = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ELSEWHERE], env=environment, capture_output=True, check=True, timeout=200
    )
    assert here.startswith(b"%PDF-")
    assert there.stdout == here
