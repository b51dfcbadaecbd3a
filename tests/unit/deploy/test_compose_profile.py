"""`docker compose --profile observe up`: what Prometheus and Grafana are given is there, and they find each other."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.dashboards.__main__ import FOLDER

ROOT = Path(__file__).parents[3]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
PROVISIONING = ROOT / "deploy/grafana/provisioning"
OBSERVING = ("prometheus", "grafana")


def mounts(service: str) -> dict[str, str]:
    """Folder of this repository by where the container has it."""
    pairs = (volume.split(":") for volume in SERVICES[service]["volumes"])
    return {parts[1]: parts[0] for parts in pairs if parts[0].startswith("./")}


def test_they_start_only_when_they_are_asked_for() -> None:
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["observe"]} == set(OBSERVING)
    assert all("profiles" not in service for name, service in SERVICES.items() if name not in OBSERVING)


@pytest.mark.parametrize("service", OBSERVING)
def test_they_listen_on_this_machine_alone_and_change_nothing_they_are_given(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service]["ports"])
    assert all(volume.endswith(":ro") for volume in SERVICES[service]["volumes"] if volume.startswith("./"))
    assert all((ROOT / folder).is_dir() for folder in mounts(service).values())


def test_prometheus_looks_for_services_and_ports_that_there_are() -> None:
    asked = {name: (sd["port"], sd["type"]) for job in CONFIG["scrape_configs"] for sd in job.get("dns_sd_configs", ())
             for name in sd["names"]}  # fmt: skip
    assert asked == {"gateway": (8000, "A"), "bus-in": (9100, "A")}
    assert all(f"--{'metrics-' if name == 'bus-in' else ''}port {port}" in SERVICES[name]["command"]
               for name, (port, _) in asked.items())  # fmt: skip
    [discovery] = [sd for job in CONFIG["scrape_configs"] for sd in job.get("http_sd_configs", ())]
    assert discovery["url"] == "http://gateway:8000/metrics/targets"
    assert mounts("prometheus")["/etc/prometheus"] == "./deploy/prometheus"


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    [source] = yaml.safe_load((PROVISIONING / "datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    [provider] = yaml.safe_load((PROVISIONING / "dashboards/croupier.yml").read_text())["providers"]
    given = mounts("grafana")
    assert (ROOT / given[provider["options"]["path"]]).resolve() == FOLDER
    assert (ROOT / given["/etc/grafana/provisioning"]).resolve() == PROVISIONING
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.parent == Path(provider["options"]["path"]) and (FOLDER / home.name).exists()
