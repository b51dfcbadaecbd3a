"""docker-compose.yml and Dockerfile, run as they are: the same commands and environment, as processes of this machine.

Only what a container network and its volumes provide is replaced: host names, ports and paths.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import msgspec
import pytest
import yaml

from croupier.running.process_tree import kill_all
from croupier.running.up import RAY_ENVIRONMENT
from feeds.integrations import Integrations
from tests.support.bus_in import Event, produce
from tests.support.croupier_up import Api, environment, gone, keys_file, register, wait_until
from tests.support.kafka import MockKafka
from tests.support.redis_server import RedisServer, free_port

pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
INTEGRATIONS = (ROOT / COMPOSE["configs"]["integrations"]["file"]).read_text()
SECRETS = {"CROUPIER_CLUSTER_SECRET": "c" * 64, "RAY_AUTH_TOKEN": "a" * 64}
SERVICES = COMPOSE["services"]


def image_environment() -> dict[str, str]:
    """What the Dockerfile sets with ENV."""
    block = re.search(r"^ENV ((?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)
    assert block is not None
    return dict(pair.split("=", 1) for pair in shlex.split(block.group(1).replace("\\\n", " ")))


def image_health_check() -> list[str]:
    """The Dockerfile's HEALTHCHECK, as compose would write it."""
    command = re.search(r"^HEALTHCHECK .*\\\n\s+CMD (.*)$", DOCKERFILE, re.MULTILINE)
    assert command is not None
    return ["CMD", *json.loads(command.group(1))]


def filled(text: str, variables: dict[str, str]) -> str:
    """As compose fills in `${NAME:?message}` and `${NAME:-default}`, and `$$`."""

    def value(match: re.Match[str]) -> str:
        name, operator, rest = match.groups()
        return variables[name] if operator == ":?" else variables.get(name, rest or "")

    return re.sub(r"\$\{(\w+)(:[?-])?([^}]*)\}", value, text).replace("$$", "$")


class Local:
    """The services as local processes. `places` replaces what the containers' world provides."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ray_folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # a socket's path must be short
        self.redis = RedisServer(folder / "redis")
        self.ray_port = free_port()
        self.ports = {"ray-head": free_port(), "gateway": free_port(), "bus-in": free_port()}
        self.kafka = MockKafka(1)
        self.kafka.form_groups_within(50)
        for topic in topics_made():
            self.kafka.create_topic(topic, 2)
        self.data = folder / "data"
        (folder / "integrations.yaml").write_text(self._in_place(INTEGRATIONS))
        (folder / "cluster_secret").write_text(SECRETS["CROUPIER_CLUSTER_SECRET"])
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def command(self, service: str) -> list[str]:
        """The service's command, placed on this machine."""
        given = SERVICES[service]["command"]
        words = shlex.split(filled(given, {})) if isinstance(given, str) else list(given)
        return [self._placed(word, service) for word in words]

    def _placed(self, word: str, service: str) -> str:
        word = word.replace("redis:6379", f"127.0.0.1:{self.redis.port}")
        word = word.replace("ray-head:6380", f"{node_address()}:{self.ray_port}")
        word = word.replace("--port=6380", f"--port={self.ray_port}")
        word = word.replace("/run/secrets/keys", str(keys_file(self._folder)))
        word = word.replace("/run/secrets/cluster_secret", str(self._folder / "cluster_secret"))
        word = word.replace("/etc/croupier/integrations.yaml", str(self._folder / "integrations.yaml"))
        return re.sub(r"\b(8000|9100)\b", str(self.ports.get(service, 0)), word)

    def _in_place(self, text: str) -> str:
        """The file that compose mounts, with the mock's broker and a folder of this machine."""
        return text.replace("kafka:9092", self.kafka.bootstrap_servers).replace("/var/lib/croupier", str(self.data))

    def environment(self, service: str) -> dict[str, str]:
        """What the image and the compose file set, and where this machine keeps the programs."""
        own = {name: filled(value, SECRETS) for name, value in SERVICES[service].get("environment", {}).items()}
        programs = Path(sys.executable).parent
        here = {"RAY_TMPDIR": str(self._ray_folder), "PATH": f"{programs}:{os.environ['PATH']}"}
        return environment() | image_environment() | own | here

    def healthy(self, service: str) -> int:
        """The exit code of the service's health check: its own, or the image's."""
        check = SERVICES[service].get("healthcheck", {}).get("test") or image_health_check()
        command = [self._placed(word, service) for word in check[1:]]
        return subprocess.run(command, env=self.environment(service), capture_output=True, timeout=60).returncode

    def start(self, service: str) -> None:
        """Starts a service in a session of its own: whatever it starts stays in it, daemons too."""
        with (self._folder / f"{service}.log").open("wb") as log:
            self.processes[service] = subprocess.Popen(
                self.command(service), stdout=log, stderr=log, env=self.environment(service), start_new_session=True
            )

    def spooled(self) -> list[Path]:
        """Files of the archive's spool."""
        return [path for path in (self.data / "spool").rglob("*") if path.is_file()]

    def log(self, service: str) -> str:
        """What the service has printed."""
        return (self._folder / f"{service}.log").read_text(errors="replace")

    def until(self, what: str, service: str, holds: Callable[[], object]) -> None:
        """Waits; shows the service's log if it ended or takes too long."""
        deadline = time.monotonic() + 120
        while not holds():
            ended = self.processes[service].poll() is not None
            assert not ended and time.monotonic() < deadline, f"{what}: {self.log(service)[-3000:]}"
            time.sleep(0.1)

    def stop(self) -> None:
        """Kills what is left of the sessions, and only that."""
        sessions = {process.pid for process in self.processes.values()}
        members = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if session_of(pid) in sessions]
        kill_all(members)
        for process in self.processes.values():
            process.wait()
        self.redis.stop()
        self.kafka.close()
        rmtree(self._ray_folder, ignore_errors=True)


def topics_made() -> list[str]:
    """The topics that the service kafka-topics makes."""
    script = SERVICES["kafka-topics"]["command"][-1]
    return re.search(r"for topic in ([^;]+);", script).group(1).split()  # type: ignore[union-attr]


def session_of(pid: int) -> int:
    """The session a process belongs to; -1 if it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def node_address() -> str:
    """This machine's address, as Ray finds it: that of the interface which would route to the world."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("8.8.8.8", 80))  # sends nothing
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def listens(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    services = Local(tmp_path_factory.mktemp("compose"))
    services.redis.start()
    try:
        services.start("ray-head")
        services.until("Ray", "ray-head", lambda: listens(node_address(), services.ray_port))
        services.start("node")
        services.start("gateway")
        services.start("bus-in")
        services.until("croupier up", "ray-head", lambda: "\nready without a gateway" in services.log("ray-head"))
        services.until("the gateway", "gateway", lambda: "ready http" in services.log("gateway"))
        services.until("bus-in", "bus-in", lambda: "ready http" in services.log("bus-in"))
        yield services
    finally:
        services.stop()


def test_signed_spins_go_through_gateway_and_shards_of_the_node(local: Local) -> None:
    api = Api(f"http://127.0.0.1:{local.ports['gateway']}")
    wait_until("ready", lambda: api.plain("GET", "/health/ready").status_code == 200)
    register(api, "anna")
    answer = api.game("POST", "/spin?player_id=anna&game_id=book-of-dunes&mode=real&bet=100&win=250").json()
    assert (answer["state"], answer["balance"]["real"]) == ("closed", 1_150)
    refused = api.plain("POST", "/spin?player_id=anna&game_id=book-of-dunes&mode=real&bet=100")
    assert refused.status_code == 401
    shards = {session_of(shard["pid"]) for shard in api.shards().values()}
    assert shards == {local.processes["node"].pid}
    api.close()


def test_events_leave_to_kafka_and_come_in_from_it(local: Local) -> None:
    api = Api(f"http://127.0.0.1:{local.ports['gateway']}")
    wait_until("ready", lambda: api.plain("GET", "/health/ready").status_code == 200)
    register(api, "bert", deposit=0)
    produce(local.kafka, Event("bert", {"amount": 700}), topic="payments.deposits")
    balance = lambda: api.platform("GET", "/players/bert").json()["balance"]["real"]  # noqa: E731
    wait_until("the deposit has come in", lambda: balance() == 700, 60)
    told = lambda: [message.key() for message in local.kafka.read(["croupier.money"])]  # noqa: E731
    wait_until("the deposit was told", lambda: b"bert" in told(), 60)
    wait_until("the journal is archived", lambda: any(file.stat().st_size for file in local.spooled()), 60)
    readers = api.person("ops", "GET", "/cluster").json()["readers"]
    assert {reader["name"] for reader in readers} == {"archive", "bus"}
    assert {session_of(reader["pid"]) for reader in readers} == {local.processes["node"].pid}
    api.close()


@pytest.mark.parametrize("service", ["ray-head", "node", "gateway", "bus-in"])
def test_health_checks_succeed(local: Local, service: str) -> None:
    assert local.healthy(service) == 0


def test_sigterm_to_the_head_drains_and_ends_cleanly(local: Local) -> None:
    api = Api(f"http://127.0.0.1:{local.ports['gateway']}")
    pids = [shard["pid"] for shard in api.shards().values()]
    api.close()
    assert len(pids) == 2
    local.processes["ray-head"].send_signal(signal.SIGTERM)
    assert local.processes["ray-head"].wait(40) == 0, local.log("ray-head")
    wait_until("the shards are gone", lambda: gone(pids))
    assert "Traceback" not in local.log("ray-head")


def test_redis_of_the_compose_file_keeps_what_it_is_told() -> None:
    words = shlex.split(filled(SERVICES["redis"]["command"], {}))
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options == {
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--maxmemory-policy": "noeviction",
        "--maxmemory": "2gb",  # without it nobody could tell how full the store is
    }
    assert SERVICES["redis"]["image"] == "redis:7"
    assert SERVICES["redis"]["volumes"] == ["redis-data:/data"]


def test_kafka_has_all_topics_that_are_configured() -> None:
    configured = msgspec.convert(yaml.safe_load(INTEGRATIONS), Integrations)
    assert configured.bus is not None and configured.bus_in is not None
    names = [topic.name for topic in configured.bus_in.topics]
    wanted = {*configured.bus.by_family().values(), *names, *map(configured.bus_in.dead_letters_of, names)}
    assert set(topics_made()) == wanted
    kafka = SERVICES["kafka"]
    assert kafka["image"] == SERVICES["kafka-topics"]["image"] and kafka["image"].startswith("apache/kafka:4.")
    assert kafka["environment"]["KAFKA_PROCESS_ROLES"] == "broker,controller"
    assert kafka["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert kafka["volumes"] == [f"kafka-data:{kafka['environment']['KAFKA_LOG_DIRS']}"]


def test_the_archive_lies_on_a_volume_of_the_node() -> None:
    archive = msgspec.convert(yaml.safe_load(INTEGRATIONS), Integrations).archive
    assert archive is not None
    [(volume, folder)] = [entry.split(":") for entry in SERVICES["node"]["volumes"]]
    assert volume in COMPOSE["volumes"]
    assert all(path.startswith(f"{folder}/") for path in (archive.place.url, archive.spool, str(archive.key_file)))
    assert f"chown croupier {folder}" in DOCKERFILE


def test_all_our_services_are_one_image() -> None:
    others = ("redis", "kafka", "kafka-topics", "prometheus", "grafana")
    ours = {name: service for name, service in SERVICES.items() if name not in others}
    assert set(ours) == {"ray-head", "node", "gateway", "bus-in"}
    assert {service["image"] for service in ours.values()} == {"croupier:latest"}
    assert {service["build"] for service in ours.values()} == {"."}


def test_the_image_holds_all_packages_and_the_catalog() -> None:
    copied = {word for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]}
    assert {"engine", "snapshots", "actors", "feeds", "gateway", "croupier", "catalog", "pyproject.toml"} <= copied
    assert re.search(r"^FROM python:3\.1[1-9]-slim$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^USER croupier$", DOCKERFILE, re.MULTILINE)
    assert RAY_ENVIRONMENT.items() <= image_environment().items()


def test_no_secret_has_a_default() -> None:
    with pytest.raises(KeyError, match="RAY_AUTH_TOKEN"):
        filled(SERVICES["node"]["environment"]["RAY_AUTH_TOKEN"], {})
    assert COMPOSE["secrets"]["keys"]["file"].startswith("${CROUPIER_KEYS_FILE:?")
