"""The commands of deploy/kubernetes, run as they are as processes of this machine: only names, ports and paths differ.

`test_compose` does the same with docker-compose.yml each time; this is the longer one.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from croupier.running.process_tree import kill_all
from tests.integration.test_compose import Local, node_address, session_of
from tests.support.croupier_up import Api, gone, keys_file, register, wait_until
from tests.support.kustomize import Resource, containers, rendered
from tests.support.redis_server import free_port

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
SECRETS = {
    "cluster-secret": "c" * 64,
    "ray-auth-token": "a" * 64,
    "archive-key": "YXJjaGl2ZS1rZXktb2YtdGhpcnR5LXR3by1ieXRlcyE=",
    "audit-key": "YXVkaXQta2V5LXdpdGgtdGhpcnR5LXR3by1ieXRlcyE=",
}


def container_of(resources: list[Resource], name: str) -> dict[str, Any]:
    [found] = [each for resource in resources for each in containers(resource) if each["name"] == name]
    return found


class Pods(Local):
    """The containers of `small` as local processes."""

    def __init__(self, folder: Path, blue: "Pods | None" = None) -> None:
        super().__init__(folder)
        self.more: dict[str, str] = {}
        """What the head's environment says otherwise."""
        if blue is not None:
            self.redis, self.data = blue.redis, blue.data
        self._resources = rendered(FOLDER / "small")
        self._files, self._node_ports = folder, {"ray-head": free_port(), "ray-worker": free_port()}
        [config] = [each for each in self._resources if each["kind"] == "ConfigMap"]
        self.data.mkdir(exist_ok=True)
        (folder / "integrations.yaml").write_text(
            config["data"]["integrations.yaml"].replace("/var/lib/croupier", str(self.data))
        )

    def command(self, service: str) -> list[str]:
        """The container's command, placed on this machine."""
        container = container_of(self._resources, service)
        return [self._moved(word, service) for word in [*container["command"], *container["args"]]]

    def environment(self, service: str) -> dict[str, str]:
        """What the image and the manifest set, and what KubeRay adds."""
        own = {variable["name"]: self._value(variable) for variable in container_of(self._resources, service)["env"]}
        own = own | self.more if service == "ray-head" else own
        own.pop("HOME")
        return self._base() | own | {"KUBERAY_GEN_RAY_START_CMD": self._moved(self._generated(), "ray-worker")}

    def _base(self) -> dict[str, str]:
        return {name: value for name, value in super().environment("redis").items() if name != "RAY_AUTH_TOKEN"}

    def _value(self, variable: dict[str, Any]) -> str:
        if "value" in variable:
            return str(variable["value"])
        if "fieldRef" in variable["valueFrom"]:
            return node_address()
        key = variable["valueFrom"]["secretKeyRef"]["key"]
        return f"{self.redis.url}/0" if key == "url" else SECRETS[key]

    def _generated(self) -> str:
        """As KubeRay makes it of `rayStartParams`."""
        [cluster] = [each for each in self._resources if each["kind"] == "RayCluster"]
        [group] = cluster["spec"]["workerGroupSpecs"]
        options = "".join(f" --{name}={value}" for name, value in group["rayStartParams"].items())
        return f"ray start --address={node_address()}:6379 --block{options}"

    def _moved(self, word: str, service: str) -> str:
        word = word.replace("/run/croupier/keys/keys.json", shlex.quote(str(keys_file(self._files))))
        word = word.replace("/etc/croupier/integrations.yaml", str(self._files / "integrations.yaml"))
        word = word.replace("6379", str(self.ray_port)).replace("6385", str(self._node_ports.get(service, 0)))
        return re.sub(r"\b8000\b", str(self.ports.get(service, 0)), word)

    def start_cluster(self) -> None:
        """Head and worker."""
        self.start("ray-head")
        self.until("Ray", "ray-head", lambda: "Ray runtime started" in self.log("ray-head"))
        self.start("ray-worker")

    def serve(self) -> None:
        """Waits until all shards serve."""
        self.until("croupier up", "ray-head", lambda: "\nready without a gateway" in self.log("ray-head"))

    def kill_cluster(self) -> None:
        """`kubectl delete raycluster` at its worst: nobody has time to say goodbye."""
        ended = [self.processes.pop(name) for name in ("ray-head", "ray-worker") if name in self.processes]
        sessions = {process.pid for process in ended}
        kill_all([pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if session_of(pid) in sessions])
        for process in ended:
            process.wait()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    started = Pods(tmp_path_factory.mktemp("kubernetes"))
    started.redis.start()
    try:
        started.start_cluster()
        started.start("gateway")
        started.serve()
        started.until("the gateway", "gateway", lambda: "ready http" in started.log("gateway"))
        yield started
    finally:
        started.stop()


def test_spins_go_through_the_gateway_to_shards_of_the_worker_and_into_the_archive(running: Pods) -> None:
    api = Api(f"http://127.0.0.1:{running.ports['gateway']}")
    wait_until("ready", lambda: api.plain("GET", "/health/ready").status_code == 200, 60)
    register(api, "anna")
    answer = api.game("POST", "/spin?player_id=anna&game_id=book-of-dunes&mode=real&bet=100&win=250").json()
    assert (answer["state"], answer["balance"]["real"]) == ("closed", 1_150)
    assert {session_of(shard["pid"]) for shard in api.shards().values()} == {running.processes["ray-worker"].pid}
    wait_until("the journal is archived", lambda: any(file.stat().st_size for file in running.spooled()), 60)
    readers = lambda: api.person("ops", "GET", "/cluster").json()["readers"]  # noqa: E731
    wait_until("the reader is known", lambda: [reader["name"] for reader in readers()] == ["archive"], 60)
    assert {session_of(reader["pid"]) for reader in readers()} == {running.processes["ray-worker"].pid}
    assert not list(running.data.rglob("*.key"))  # the keys come from the Secret
    api.close()


def test_a_second_cluster_takes_over_and_the_first_one_takes_back(
    running: Pods, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Upgrade, as README.md describes it: one gateway follows both ways, and every acknowledged spin stays."""
    api = Api(f"http://127.0.0.1:{running.ports['gateway']}")
    register(api, "bert", 500)
    green = Pods(tmp_path_factory.mktemp("green"), running)
    green.more = {"CROUPIER_TAKE_OVER": "1"}
    try:
        spins = play(api, 5)
        green.start_cluster()
        green.serve()
        spins += play(api, 5)
        assert {session_of(shard["pid"]) for shard in api.shards().values()} == {green.processes["ray-worker"].pid}
        assert running.processes["ray-head"].wait(60) == 1
        assert "another Croupier has taken over the store" in running.log("ray-head")
        running.kill_cluster()
        running.start_cluster()  # as Kubernetes starts it again and again
        assert running.processes["ray-head"].wait(120) == 2
        assert "or take over with --take-over" in running.log("ray-head")
        running.kill_cluster()
        green.kill_cluster()
        running.start_cluster()
        running.serve()
        spins += play(api, 5)
        assert api.platform("GET", "/players/bert").json()["balance"]["real"] == 500 + spins
        assert {session_of(shard["pid"]) for shard in api.shards().values()} == {running.processes["ray-worker"].pid}
    finally:
        api.close()
        green.kill_cluster()
        green.kafka.close()


def play(api: Api, spins: int) -> int:
    """Spins that win one each, repeated with the same key until they are acknowledged."""
    for _ in range(spins):
        key = api.new_key()
        target = "/spin?player_id=bert&game_id=book-of-dunes&mode=real&bet=10&win=11"
        wait_until("a spin is done", lambda: api.game("POST", target, key=key).status_code == 200, 60)  # noqa: B023
    return spins


def test_sigterm_to_the_head_drains_while_workers_wait(running: Pods) -> None:
    api = Api(f"http://127.0.0.1:{running.ports['gateway']}")
    pids = [shard["pid"] for shard in api.shards().values()]
    api.close()
    running.processes["ray-head"].send_signal(signal.SIGTERM)
    assert running.processes["ray-head"].wait(40) == 0, running.log("ray-head")
    wait_until("the shards are gone", lambda: gone(pids))
    assert "Traceback" not in running.log("ray-head")


def test_the_generated_command_is_one_that_ray_knows() -> None:
    [cluster] = [each for each in rendered(FOLDER / "small") if each["kind"] == "RayCluster"]
    told = subprocess.run(
        [str(Path(sys.executable).with_name("ray")), "start", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    [group] = cluster["spec"]["workerGroupSpecs"]
    for name in {**group["rayStartParams"], **cluster["spec"]["headGroupSpec"]["rayStartParams"]}:
        assert f"--{name}" in told
