"""What the style asks of every module, where the linter can't tell."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "snapshots", "actors", "feeds", "gateway", "croupier")
BY_POSITION_MAX = 6
"""Arguments of one call, beyond which they are named."""
BY_POSITION = {
    ("engine/player.py", "Transition"): "the hot path: made for every command",
    ("engine/deciding/rounds.py", "BetPlaced"): "the hot path: made for every spin",
    ("engine/deciding/rounds.py", "WinCredited"): "the hot path: made for every spin",
    ("engine/evolving/__init__.py", "Bet"): "the hot path: made for every spin",
    ("engine/evolving/__init__.py", "OpenRound"): "the hot path: made for every spin",
    ("engine/answering/__init__.py", "RoundAnswer"): "the hot path: the answer to a spin",
    ("engine/answering/__init__.py", "Reversal"): "the hot path: a part of the answer to a spin",
    ("gateway/spin/render.py", "SpinAnswer"): "the hot path: the JSON of a spin",
    ("snapshots/redis/control.py", "self._call"): "arguments of a Redis function have no names",
    ("snapshots/redis/limits.py", "self._call"): "arguments of a Redis function have no names",
    ("snapshots/redis/store.py", "self._call"): "arguments of a Redis function have no names",
    ("snapshots/redis/told_again.py", "self._call_met"): "arguments of a Redis function have no names",
}
"""Where many arguments are passed by position: the file, what is called, and why."""
DATES = {"valid_from_ms", "valid_to_ms", "expires_ms", "end_of"}
"""What names the date of something, or reckons it."""
EXPIRY = "engine/expiry.py"


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def by_position(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(what is called, line) of each call that passes too much by position."""
    for call in calls(tree):
        if len(call.args) > BY_POSITION_MAX:
            yield ast.unparse(call.func), call.lineno


def dates_compared(tree: ast.AST) -> Iterator[int]:
    """Lines where a date is compared with a time. Which of two dates comes first may be asked anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            names = {last_name(operand) for operand in (node.left, *node.comparators)}
            if names & DATES and any(name.endswith("_ms") for name in names - DATES):
                yield node.lineno


def last_name(operand: ast.expr) -> str:
    """`time_ms` of `command.time_ms`, `end_of` of a call of it; "" of what has no name."""
    match operand:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.Call(func=called):
            return last_name(called)
    return ""


@cache
def product() -> list[tuple[str, ast.AST]]:
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in paths]


def test_seven_or_more_arguments_are_passed_by_keyword() -> None:
    found = [(file, callee, line) for file, tree in product() for callee, line in by_position(tree)]
    assert [f"{file}:{line}: {callee}" for file, callee, line in found if (file, callee) not in BY_POSITION] == []
    gone = BY_POSITION.keys() - {(file, callee) for file, callee, _ in found}
    assert gone == set(), "these pass no more than six by position: take them from the list"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("Grant(1, 2, 3, 4, 5, 6, 7)", [("Grant", 1)]),
        ("state.Grant(1, 2, 3, *rest, 5, 6, 7, terms=8)", [("state.Grant", 1)]),
        ("Grant(1, 2, 3, 4, 5, 6, terms=7)", []),
    ],
)
def test_what_counts_as_passed_by_position(source: str, found: list[tuple[str, int]]) -> None:
    assert list(by_position(ast.parse(source))) == found


def test_whether_a_date_has_come_is_told_in_one_place() -> None:
    found = [f"{file}:{line}" for file, tree in product() for line in dates_compared(tree)]
    assert [place for place in found if not place.startswith(f"{EXPIRY}:")] == []
    assert found, "nothing compares a date: the names have changed"


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("time_ms >= grant.valid_to_ms", [1]),
        ("campaign.valid_from_ms <= command.time_ms < campaign.valid_to_ms", [1]),
        ("command.time_ms < end_of(round_.opened_ms, round_.timeout_ms)", [1]),
        ("grant.valid_to_ms < found[0]", []),
        ("0 < campaign.valid_to_ms <= campaign.valid_from_ms", []),
    ],
)
def test_what_counts_as_comparing_a_date(source: str, lines: list[int]) -> None:
    assert list(dates_compared(ast.parse(source))) == lines
