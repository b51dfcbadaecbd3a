"""What commands of operators share: they ask a gateway over HTTP, with a token, and say why there is no answer."""

import argparse
import json
import os
import sys
import time
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

TIMEOUT_S: Final = 45
"""A test of a webhook waits for the endpoint, at most half a minute."""
AGAIN_S: Final = 1.0
"""Between two tries."""
AGAIN_CODES: Final = (429, 503)


def add_gateway(parser: argparse.ArgumentParser, command: Any) -> None:
    """The options that say which gateway is asked, and the command that asks."""
    default = os.environ.get("CROUPIER_URL", "http://127.0.0.1:8080")
    parser.add_argument("--url", default=default, help="the URL of a gateway (%(default)s)")
    parser.add_argument("--token", default=os.environ.get("CROUPIER_TOKEN"), help="bearer token of role ops")
    parser.set_defaults(command=command)


def ask_gateway(
    options: argparse.Namespace, method: str, path: str, body: object | None = None, *, key: str = "", tries: int = 1
) -> dict[str, Any] | None:
    """The gateway's answer, JSON; None after saying on standard error why there is none.

    `key` is the Idempotency-Key. A gateway that does not answer, or says that a repetition may succeed, is asked up to
    `tries` times, a second apart.
    """
    for left in range(tries - 1, -1, -1):
        answer, problem, again = _asked_once(options, method, path, body, key)
        if answer is not None:
            return answer
        if not (left and again):
            break
        time.sleep(AGAIN_S)
    print(f"croupier: {problem}", file=sys.stderr)
    return None


def _asked_once(
    options: argparse.Namespace, method: str, path: str, body: object | None, key: str
) -> tuple[dict[str, Any] | None, str, bool]:
    """The answer; else why there is none, and whether a repetition may have one."""
    headers = {"Authorization": f"Bearer {options.token}"} if options.token else {}
    data = None if body is None else json.dumps(body).encode()
    headers |= {} if data is None else {"Content-Type": "application/json"}
    headers |= {"Idempotency-Key": key} if key else {}
    request = Request(options.url.rstrip("/") + path, data, headers, method=method)
    try:
        with urlopen(request, timeout=TIMEOUT_S) as response:
            answer: dict[str, Any] = json.load(response)
            return answer, "", False
    except HTTPError as refused:
        again = refused.code in AGAIN_CODES
        return None, f"{options.url} refused with {refused.code}: {_detail(refused)}", again
    except (URLError, OSError, ValueError, HTTPException) as problem:
        reason = getattr(problem, "reason", problem)
        return None, f"no Croupier answers at {options.url}: {reason}", True


def _detail(refused: HTTPError) -> str:
    try:
        return str(json.load(refused)["detail"])
    except (ValueError, KeyError, TypeError):
        return str(refused.reason)
