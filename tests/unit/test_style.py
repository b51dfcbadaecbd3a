"""What the style asks of every module, where the linter can't tell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "snapshots", "actors", "gateway", "croupier")
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
    ("gateway/spin/path.py", "HotRoute"): "the hot path: its routes",
    ("gateway/spin/render.py", "SpinAnswer"): "the hot path: the JSON of a spin",
    ("engine/answering/__init__.py", "DepositAnswer"): "written as the spin's answer, with which it shares the module",
    ("engine/answering/__init__.py", "Granted"): "written as the spin's answer, with which it shares the module",
    ("engine/answering/__init__.py", "ReportedBetAnswer"): "written as the spin's answer, as above",
    ("engine/answering/__init__.py", "WithdrawalAnswer"): "written as the spin's answer, as above",
    ("engine/answering/__init__.py", "RedemptionAnswer"): "written as the spin's answer, as above",
    ("engine/evolving/account.py", "Withdrawal"): "written as the events of a spin are applied",
    ("snapshots/redis/control.py", "self._call"): "arguments of a Redis function have no names",
    ("snapshots/redis/limits.py", "self._call"): "arguments of a Redis function have no names",
    ("snapshots/redis/store.py", "self._call"): "arguments of a Redis function have no names",
}
"""Where many arguments are passed by position: the file, what is called, and why."""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def by_position(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(what is called, line) of each call that passes too much by position."""
    for call in calls(tree):
        if len(call.args) > BY_POSITION_MAX:
            yield ast.unparse(call.func), call.lineno


def product() -> Iterator[tuple[str, ast.AST]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


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
