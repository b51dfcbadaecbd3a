"""Hosts on a network of their own: network namespaces whose interfaces are joined by a bridge.

A cut is silent, as a broken cable is: nobody is told, connections just get no answer.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

BRIDGE: Final = "hub"
NETWORK: Final = "10.77.0"
HERE: Final = f"{NETWORK}.1"
"""The address of the bridge, where the run itself and its players are."""
NOWHERE: Final = "02:00:00:00:00:00"
"""A hardware address that nobody has."""


def build_network() -> None:
    """The bridge; this process's network namespace must be a new one."""
    _ip("link", "set", "lo", "up")
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("address", "add", f"{HERE}/24", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")


class Host:
    """One host; `address` is how all others reach it."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.address = name, f"{NETWORK}.{number}"
        self._port = f"to-{name}"[:15]
        self._anchor = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=-1)
        assert self._anchor.stdout is not None
        self._anchor.stdout.readline()
        _ip("link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", str(self._anchor.pid))
        _ip("link", "set", self._port, "master", BRIDGE)
        _ip("link", "set", self._port, "up")
        self._ip("link", "set", "lo", "up")
        self._ip("address", "add", f"{self.address}/24", "dev", "eth0")
        self._ip("link", "set", "eth0", "up")
        self._ip("route", "add", "default", "via", HERE)  # leads nowhere; without one, Ray takes minutes to look for it

    def start(
        self, command: Sequence[str], log: Path, *, own_processes: bool = False, **environment: str
    ) -> "subprocess.Popen[str]":
        """Starts a program on this host. Its standard output is a pipe, its errors are added to `log`.

        `own_processes`: it sees no process of other hosts, and others take it for one on another machine.
        """
        apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] if own_processes else []
        with log.open("ab") as errors:
            return subprocess.Popen(
                [*self._inside(), *apart, *command], stdout=subprocess.PIPE, stderr=errors, text=True,
                stdin=subprocess.DEVNULL, env=environment, start_new_session=True,
            )  # fmt: skip

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """The host's cable is out."""
        _ip("link", "set", self._port, "down")
        try:
            yield
        finally:
            _ip("link", "set", self._port, "up")

    @contextmanager
    def cut_from(self, others: Sequence["Host"]) -> Iterator[None]:
        """Packets between this host and the others get lost, in both directions; all else is as before."""
        pairs = [pair for other in others for pair in ((self, other), (other, self))]
        for one, other in pairs:
            one._ip("neighbour", "replace", other.address, "lladdr", NOWHERE, "dev", "eth0", "nud", "permanent")
        try:
            yield
        finally:
            for one, other in pairs:
                with suppress(subprocess.CalledProcessError):
                    one._ip("neighbour", "del", other.address, "dev", "eth0")

    def _inside(self) -> list[str]:
        return ["nsenter", f"--net=/proc/{self._anchor.pid}/ns/net"]

    def _ip(self, *arguments: str) -> None:
        subprocess.run([*self._inside(), "ip", *arguments], check=True, capture_output=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
