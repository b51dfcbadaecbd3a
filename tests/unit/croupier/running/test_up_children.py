"""The processes that `croupier up` starts: they show nothing secret, and a Ray that does not start is one sentence."""

import socket
from pathlib import Path
from typing import Any

import pytest

from croupier.cli import main
from croupier.integrations import Integrations
from croupier.running import up
from croupier.settings import Settings

STORE = "redis://croupier:the-password@10.0.0.1/0"
SETTINGS = Settings(
    store=STORE,
    catalog=Path("catalog"),
    gateways=1,
    cluster_secret="a secret of the cluster",
    integrations=Path("i.yaml"),
)


class Started:
    """What was asked of `subprocess.Popen`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.command: list[str] = []
        self.environment: dict[str, str] = {}
        monkeypatch.setattr(up.subprocess, "Popen", self._popen)

    def _popen(self, command: list[str], env: dict[str, str], **_: Any) -> None:
        self.command, self.environment = command, env


@pytest.mark.parametrize("kind", ["gateway", "bus-in"])
def test_the_password_of_the_store_is_no_argument(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    started = Started(monkeypatch)
    with socket.socket() as listener:
        launch = (
            up.Gateways(SETTINGS, listener)._launch
            if kind == "gateway"
            else up.bus_in(SETTINGS, Integrations())._launch
        )
        launch(0)
    assert kind in started.command
    assert not [word for word in started.command if "password" in word or "secret" in word]
    assert started.environment["CROUPIER_STORE"] == STORE


def test_a_ray_that_does_not_start_in_time_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def start_ray(self, *_: object) -> None:
            raise Exception("The current node timed out during startup.")  # noqa: TRY002  # as Ray does

    monkeypatch.setattr(up, "_ray", Slow)
    monkeypatch.setattr(up.os, "environ", dict(up.os.environ))
    with pytest.raises(
        up.CannotStart, match="can't start or join the Ray cluster of its own: The current node timed out"
    ):
        up._start_ray(SETTINGS)


COMMANDS = ("up", "gateway", "recover", "backup", "bus-in", "report", "facts rebuild", "bus redrive")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_help_text_shows_the_password_of_the_store(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setenv("CROUPIER_STORE", STORE)
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    said = capsys.readouterr().out
    assert "CROUPIER_STORE" in said and "the-password" not in said
