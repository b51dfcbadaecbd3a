"""Sends a catalog folder to a running Croupier: `croupier catalog deploy`, and `croupier catalog check --url`."""

import json
import sys
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

from croupier.catalog import check_files
from croupier.catalog.folder import read_folder
from croupier.catalog.places import Problem

TIMEOUT_S: Final = 60


def deploy_catalog(folder: Path, url: str, token: str | None) -> int:
    """Checks the folder here, then posts it; prints version and diff, or that it waits for a second person.

    1 if it is refused or nobody answers. Raises `CatalogInvalid` if there is no folder.
    """
    problems: list[Problem] = []
    files = read_folder(folder, problems)
    checked = check_files(files, problems, folder)
    if checked.problems:
        print(*checked.problems, sep="\n")
        return 1
    answer = _ask(url.rstrip("/"), "/catalog/deploy", token, files)
    if answer is None:
        return 1
    if answer.get("status") == "waiting":
        print(f"waits for a second person until {answer['expires_at']}: {answer['why']}")
        print(f"to be approved with POST /approvals/{answer['approval_id']}/approve")
        return 0
    print(f"deployed {answer['version']}")
    print(*diff_lines(answer.get("diff", {})), sep="\n")
    return 0


def check_at(folder: Path, url: str, token: str | None) -> int:
    """Has a running Croupier check a folder that is fine by itself; prints what does not fit the catalog in force
    there.

    1 if there is such a problem, or nobody answers. Raises `CatalogInvalid` if there is no folder.
    """
    answer = _ask(url.rstrip("/"), "/catalog/check", token, read_folder(folder))
    if answer is None:
        return 1
    problems = [Problem(found["file"], found["line"], found["reason"]) for found in answer["problems"]]
    print(*problems, *(() if problems else (f"{url}: it is fine there, too",)), sep="\n")
    return 1 if problems else 0


def _ask(url: str, path: str, token: str | None, files: Mapping[str, bytes]) -> dict[str, Any] | None:
    """The answer; None after saying why there is none."""
    body = {"files": {name: content.decode() for name, content in files.items()}}
    try:
        with urlopen(_request(url + path, token, body), timeout=TIMEOUT_S) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except HTTPError as refused:
        print(f"croupier: {url} refused with {refused.code}: {_told(refused)}", file=sys.stderr)
    except (URLError, OSError, ValueError, HTTPException) as problem:
        print(f"croupier: no Croupier answers at {url}: {getattr(problem, 'reason', problem)}", file=sys.stderr)
    return None


def diff_lines(diff: dict[str, Any]) -> list[str]:
    """One line for each difference: `+` added, `-` removed, `~` changed."""
    lines = [f"+ {name}" for name in diff.get("added", ())]
    lines += [f"- {name}" for name in diff.get("removed", ())]
    lines += [f"~ {each['path']}: {_shown(each['from'])} → {_shown(each['to'])}" for each in diff.get("changed", ())]
    if left_off := diff.get("left_off"):
        lines.append(f"… and {left_off} more")
    return lines or ["nothing changed"]


def _request(url: str, token: str | None, body: dict[str, Any]) -> Request:
    request = Request(url, json.dumps(body).encode(), method="POST")
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
