"""`croupier catalog deploy`: sends a catalog folder to a running Croupier and shows what it changes."""

import json
import sys
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

from croupier.catalog_files import check_files
from croupier.catalog_folder import read_folder
from croupier.catalog_yaml import Problem

TIMEOUT_S: Final = 60


def deploy_catalog(folder: Path, url: str, token: str | None) -> int:
    """Checks here first, then posts; prints version and diff. 1 if it is refused or nobody answers.

    Raises `CatalogInvalid` if there is no folder.
    """
    problems: list[Problem] = []
    files = read_folder(folder, problems)
    checked = check_files(files, problems, folder)
    if checked.problems:
        print(*checked.problems, sep="\n")
        return 1
    body = {"files": {name: content.decode() for name, content in files.items()}}
    try:
        with urlopen(_request(url, token, body), timeout=TIMEOUT_S) as response:
            answer = json.load(response)
    except HTTPError as refused:
        print(f"croupier: {url} refused with {refused.code}: {_told(refused)}", file=sys.stderr)
        return 1
    except (URLError, OSError, ValueError, HTTPException) as problem:
        print(f"croupier: no Croupier answers at {url}: {getattr(problem, 'reason', problem)}", file=sys.stderr)
        return 1
    print(f"deployed {answer['version']}")
    print(*diff_lines(answer.get("diff", {})), sep="\n")
    return 0


def diff_lines(diff: dict[str, Any]) -> list[str]:
    """One line for each difference: `+` added, `-` removed, `~` changed."""
    lines = [f"+ {name}" for name in diff.get("added", ())]
    lines += [f"- {name}" for name in diff.get("removed", ())]
    lines += [f"~ {each['path']}: {_shown(each['from'])} → {_shown(each['to'])}" for each in diff.get("changed", ())]
    if left_off := diff.get("left_off"):
        lines.append(f"… and {left_off} more")
    return lines or ["nothing changed"]


def _request(url: str, token: str | None, body: dict[str, Any]) -> Request:
    request = Request(f"{url.rstrip('/')}/catalog/deploy", json.dumps(body).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    request.add_header("Idempotency-Key", f"catalog-{uuid4()}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    return request


def _told(refused: HTTPError) -> str:
    """The problem document's sentence and its list of errors, a line each."""
    try:
        told = json.load(refused)
        errors = [f"\n  {error.get('file', error.get('field'))}:{error.get('line', '')} {error['reason']}"
                  for error in told.get("errors", ())]  # fmt: skip
        return str(told["detail"]) + "".join(errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return str(refused.reason)


def _shown(value: str | None) -> str:
    return "–" if value is None else value
