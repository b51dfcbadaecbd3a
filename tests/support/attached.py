"""What is attached to a PDF, read with nothing but zlib."""

import re
import zlib
from collections.abc import Iterator
from contextlib import suppress

_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)


def receipts_in(pdf: bytes) -> Iterator[bytes]:
    """The receipts among the streams of the file."""
    for found in _STREAM.finditer(pdf):
        content = found[1]
        with suppress(zlib.error):
            content = zlib.decompress(content)
        if content.startswith(b"{") and b'"checkpoint"' in content:
            yield content
