"""What `docs/webhooks.md` tells consumers to write does verify what Croupier sends."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from feeds.webhooks.signing import Signer
from tests.support.webhook_world import SECRET

DOCUMENT = (Path(__file__).parents[4] / "docs/webhooks.md").read_text()
BODY = '{"type":"com.croupier.LevelChanged.v1","data":{"name":"Zoë"}}'.encode()
OTHER = "whsec_b3RoZXIgc2VjcmV0IG9mIDMyIGJ5dGVzIGZvciB0ZXN0cw=="


def code(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    return found.group(1)


def cases() -> list[tuple[dict[str, str], str, bool]]:
    """Headers, body and whether they must verify."""
    now = int(time.time())
    good = dict(Signer([OTHER, SECRET]).headers("p-1-3-0", now, BODY))
    stale = dict(Signer([SECRET]).headers("p-1-3-0", now - 400, BODY))
    other = dict(Signer([OTHER]).headers("p-1-3-0", now, BODY))
    return [
        (good, BODY.decode(), True),
        (good, BODY.decode() + " ", False),
        ({**good, "webhook-id": "p-1-4-0"}, BODY.decode(), False),
        (stale, BODY.decode(), False),
        (other, BODY.decode(), False),
    ]


def test_python() -> None:
    namespace: dict[str, Any] = {}
    exec(code("python"), namespace)
    for headers, body, expected in cases():
        assert namespace["verify"](SECRET, headers, body.encode()) is expected


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
def test_node() -> None:
    program = code("js") + "\n".join(
        f"console.log(verify({json.dumps(SECRET)}, {json.dumps(headers)}, Buffer.from({json.dumps(body)})));"
        for headers, body, _ in cases()
    )
    ran = subprocess.run(["node", "-e", program], capture_output=True, text=True, timeout=30, check=True)
    assert [line == "true" for line in ran.stdout.split()] == [expected for _, _, expected in cases()]
