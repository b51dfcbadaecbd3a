"""deploy/kubernetes: valid, and everything that one manifest names is in another one, or in Croupier itself."""

import argparse
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import msgspec
import pytest
import yaml

from croupier import cli
from feeds.integrations import Integrations
from gateway.route_table import ROUTES
from gateway.settings import GatewaySettings
from tests.support.kustomize import Resource, containers, name_of, pods, rendered
from tests.unit.deploy.custom_resources import is_custom, schema_of

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy/kubernetes"
KUBERNETES = "1.31"
OVERLAYS = ("small", "ha")
SECRETS = {name_of(each): set(each["stringData"]) for each in
           yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text())}  # fmt: skip


@cache
def resources_of(name: str) -> list[Resource]:
    """What an overlay is rendered to. Nobody changes it."""
    return rendered(FOLDER / name)


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> list[Resource]:
    return resources_of(request.param)


def of_kind(resources: list[Resource], *kinds: str) -> list[Resource]:
    return [each for each in resources if each["kind"] in kinds]


def all_pods(resources: list[Resource]) -> dict[str, Resource]:
    return {name: template for each in resources for name, template in pods(each)}


def labels(template: Resource) -> dict[str, str]:
    found: dict[str, str] = template["metadata"]["labels"]
    return found


def selected(selector: dict[str, Any], template: Resource) -> bool:
    """Whether a label selector takes in a pod. An empty one takes in all."""
    own = labels(template)
    wanted = selector.get("matchLabels", {}).items() <= own.items()
    expressions = selector.get("matchExpressions", ())
    return wanted and all(own.get(each["key"]) in each["values"] for each in expressions)


def options_of(*words: str) -> dict[str, argparse.Action]:
    """The options that `croupier WORDS --help` lists."""
    parser = cli._parser()
    for word in words:
        [actions] = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
        parser = actions.choices[word]
    return {
        option: action
        for action in parser._actions
        for option in action.option_strings
        if action.help != "==SUPPRESS=="
    }


@cache
def environment_names() -> frozenset[str]:
    """CROUPIER_… as the code of the command line reads them."""
    code = "".join(path.read_text() for path in (ROOT / "croupier").glob("*.py"))
    return frozenset(re.findall(r"CROUPIER_[A-Z_]+", code))


def croupier_commands(resources: list[Resource]) -> Iterator[list[str]]:
    """Every command line of Croupier in the manifests, from `croupier` on."""
    for resource in resources:
        for container in containers(resource):
            words = " ".join([*container["command"], *container.get("args", ())]).split()
            if "croupier" in words:
                yield words[words.index("croupier") :]


# --- valid


def test_the_resources_of_kubernetes_are_valid(overlay: list[Resource]) -> None:
    for resource in overlay:
        if not is_custom(resource):
            kubernetes_validate.validate(resource, KUBERNETES, strict=True)


def test_the_custom_resources_are_valid(overlay: list[Resource]) -> None:
    custom = [each for each in overlay if is_custom(each)]
    assert {each["kind"] for each in custom} >= {"RayCluster", "ServiceMonitor", "ScrapeConfig"}
    for resource in custom:
        jsonschema.Draft202012Validator(schema_of(resource)).validate(resource)


def test_the_pods_of_ray_are_valid(overlay: list[Resource]) -> None:
    [cluster] = of_kind(overlay, "RayCluster")
    for _, template in pods(cluster):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod", **template["metadata"]}}
        kubernetes_validate.validate(pod | {"spec": template["spec"]}, KUBERNETES, strict=True)


def test_names_are_there_once(overlay: list[Resource]) -> None:
    named = [(each["apiVersion"], each["kind"], name_of(each)) for each in overlay]
    assert len(named) == len(set(named))


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
@pytest.mark.parametrize("name", [*OVERLAYS, "green"])
def test_kubectl_renders_the_same(name: str) -> None:
    made = subprocess.run(["kubectl", "kustomize", str(FOLDER / name)], capture_output=True, text=True, check=True)
    key = lambda each: (each["kind"], name_of(each))  # noqa: E731
    assert sorted(yaml.safe_load_all(made.stdout), key=key) == sorted(rendered(FOLDER / name), key=key)


# --- what belongs together


def test_workloads_select_their_own_pods_and_no_others(overlay: list[Resource]) -> None:
    found = all_pods(overlay)
    for workload in of_kind(overlay, "Deployment", "StatefulSet"):
        taken = {name for name, template in found.items() if selected(workload["spec"]["selector"], template)}
        assert taken == {name_of(workload)}


def test_budgets_cover_one_kind_of_pods_each_and_every_kind_of_ours_has_one(overlay: list[Resource]) -> None:
    found = all_pods(overlay)
    covered = [
        [name for name, template in found.items() if selected(budget["spec"]["selector"], template)]
        for budget in of_kind(overlay, "PodDisruptionBudget")
    ]
    assert all(len(names) == 1 for names in covered)
    assert {name for [name] in covered} == set(found) - {"croupier-redis", "croupier-backup"}  # of which there is one


def test_services_and_monitors_find_pods_and_ports(overlay: list[Resource]) -> None:
    found = all_pods(overlay)
    for service in of_kind(overlay, "Service"):
        [pod] = [each for each in found.values() if service["spec"]["selector"].items() <= labels(each).items()]
        ports = {port["name"]: port["containerPort"] for each in pod["spec"]["containers"] for port in each["ports"]}
        assert all(ports[port["targetPort"]] == port["port"] for port in service["spec"]["ports"])
    for monitor in of_kind(overlay, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        [service] = [
            each for each in of_kind(overlay, "Service") if wanted <= each["metadata"].get("labels", {}).items()
        ]
        names = {port["name"] for port in service["spec"]["ports"]}
        assert {each["port"] for each in monitor["spec"]["endpoints"]} <= names
    for monitor in of_kind(overlay, "PodMonitor"):
        [pod] = [each for each in found.values() if selected(monitor["spec"]["selector"], each)]
        names = {port["name"] for each in pod["spec"]["containers"] for port in each["ports"]}
        assert {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]} <= names


def test_shards_and_readers_are_found_as_by_our_own_prometheus(overlay: list[Resource]) -> None:
    [config] = of_kind(overlay, "ScrapeConfig")
    [discovery] = config["spec"]["httpSDConfigs"]
    assert discovery["url"] == "http://croupier-gateway.croupier.svc:8000/metrics/targets"
    jobs = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    [relabeled] = [job["relabel_configs"] for job in jobs if "http_sd_configs" in job]
    camel = [
        {"sourceLabels" if key == "source_labels" else key: value for key, value in each.items()} for each in relabeled
    ]
    assert config["spec"]["relabelings"] == camel
    monitors = [each["spec"] for each in of_kind(overlay, "ServiceMonitor", "PodMonitor")]
    endpoints = [each.get("endpoints") or each["podMetricsEndpoints"] for each in monitors]
    replaced = {endpoint["relabelings"][0]["replacement"] for [endpoint] in endpoints}
    assert replaced <= {job["job_name"] for job in jobs}


def test_what_scales_is_there_and_shards_never_scale_by_themselves(overlay: list[Resource]) -> None:
    workloads = {name_of(each) for each in of_kind(overlay, "Deployment")}
    for scaler in of_kind(overlay, "HorizontalPodAutoscaler", "ScaledObject"):
        assert scaler["spec"]["scaleTargetRef"]["name"] in workloads
    scaled = {
        each["spec"]["scaleTargetRef"]["name"] for each in of_kind(overlay, "HorizontalPodAutoscaler", "ScaledObject")
    }
    assert all("replicas" not in each["spec"] for each in of_kind(overlay, "Deployment") if name_of(each) in scaled)
    [cluster] = of_kind(overlay, "RayCluster")
    assert cluster["spec"]["enableInTreeAutoscaling"] is False
    for group in cluster["spec"]["workerGroupSpecs"]:
        assert group["replicas"] == group["minReplicas"] == group["maxReplicas"]


# --- what pods may do


def test_pods_have_no_more_rights_than_they_need(overlay: list[Resource]) -> None:
    for name, template in all_pods(overlay).items():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }  # fmt: skip
            assert "memory" in container["resources"]["limits"] and "cpu" in container["resources"]["requests"], name


def test_our_pods_run_as_the_user_of_the_image(overlay: list[Resource]) -> None:
    [uid] = re.findall(r"--uid (\d+)", (ROOT / "Dockerfile").read_text())
    ours = {
        name: each["spec"]["securityContext"] for name, each in all_pods(overlay).items() if name != "croupier-redis"
    }
    assert {each["runAsUser"] for each in ours.values()} == {int(uid)}


def test_nothing_passes_the_network_but_what_is_listed(overlay: list[Resource]) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    [closed] = [each["spec"] for each in policies if name_of(each) == "nothing"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    found = all_pods(overlay)
    for name, template in found.items():
        own = [
            each["spec"]
            for each in policies
            if each["spec"]["podSelector"] and selected(each["spec"]["podSelector"], template)
        ]
        assert len(own) == 1, name
    roles = {labels(template)["croupier-role"] for template in found.values()}
    named = {role for each in policies if name_of(each) not in ("nothing", "names") for role in roles_in(each["spec"])}
    assert named - roles <= {"bus-in"}


def roles_in(found: Any) -> Iterator[str]:
    """Every value of croupier-role that is asked for, however deep."""
    if isinstance(found, list):
        for each in found:
            yield from roles_in(each)
    elif isinstance(found, dict):
        if found.get("key") == "croupier-role":
            yield from found["values"]
        if isinstance(found.get("croupier-role"), str):
            yield found["croupier-role"]
        for each in found.values():
            yield from roles_in(each)


def test_pods_may_reach_what_they_talk_to(overlay: list[Resource]) -> None:
    policies = {name_of(each): each["spec"] for each in of_kind(overlay, "NetworkPolicy")}
    open_ports = {port["port"] for rule in policies["gateway"]["ingress"] for port in rule["ports"]}
    assert open_ports == {8000}
    for role in {"gateway", "head", "shards", "bus-in"} & set(policies):
        assert 6379 in {port["port"] for rule in policies[role]["egress"] for port in rule["ports"]}


# --- what must be there


def test_volumes_config_and_secrets_are_there(overlay: list[Resource]) -> None:
    maps = {name_of(each) for each in of_kind(overlay, "ConfigMap")}
    claims = {name_of(each) for each in of_kind(overlay, "PersistentVolumeClaim")}
    claims |= {f"{name_of(claim)}-{name_of(each)}-0" for each in of_kind(overlay, "StatefulSet")
               for claim in each["spec"]["volumeClaimTemplates"]}  # fmt: skip
    for workload in overlay:
        claimed = {name_of(each) for each in workload.get("spec", {}).get("volumeClaimTemplates", ())}
        for _, template in pods(workload):
            volumes = {volume["name"]: volume for volume in template["spec"].get("volumes", ())}
            for volume in volumes.values():
                assert volume.get("configMap", {}).get("name") in {None, *maps}
                assert volume.get("secret", {}).get("secretName") in {None, *SECRETS}
                assert volume.get("persistentVolumeClaim", {}).get("claimName") in {None, *claims}
            for container in template["spec"]["containers"]:
                assert {mount["name"] for mount in container["volumeMounts"]} == {*volumes, *claimed}
                for reference in secret_references(container):
                    assert reference["key"] in SECRETS[reference["name"]]


def secret_references(container: Resource) -> Iterator[dict[str, str]]:
    for variable in container.get("env", ()):
        if "secretKeyRef" in variable.get("valueFrom", {}):
            yield variable["valueFrom"]["secretKeyRef"]


def test_secrets_come_by_reference_and_the_example_has_none(overlay: list[Resource]) -> None:
    assert not of_kind(overlay, "Secret")
    for resource in overlay:
        for container in containers(resource):
            for variable in container.get("env", ()):
                secret = re.search(r"SECRET|TOKEN|_KEY$|STORE", variable["name"])
                assert ("secretKeyRef" in variable.get("valueFrom", {})) == bool(secret), variable["name"]
    example = list(yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text()))
    assert all(value.startswith("<") for each in example for value in each["stringData"].values())


def test_images_are_pinned(overlay: list[Resource]) -> None:
    images = {container["image"] for resource in overlay for container in containers(resource)}
    assert all(re.fullmatch(r"[a-z0-9./-]+:\d[\w.-]*", image) for image in images), images
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None and f"registry.example.com/croupier:{version.group(1)}" in images


def test_settings_are_those_of_the_command_line(overlay: list[Resource]) -> None:
    commands = list(croupier_commands(overlay))
    assert {words[1] for words in commands} >= {"up", "gateway"}
    for _, subcommand, *words in commands:
        used = {word for word in words if word.startswith("--")}
        assert used <= set(options_of(subcommand)), used - set(options_of(subcommand))
    variables = {variable["name"] for resource in overlay for container in containers(resource)
                 for variable in container.get("env", ()) if variable["name"].startswith("CROUPIER_")}  # fmt: skip
    assert variables - environment_names() == {"CROUPIER_ARCHIVE_KEY", "CROUPIER_AUDIT_KEY"}


def test_probes_ask_routes_that_there_are_and_ports_that_are_open(overlay: list[Resource]) -> None:
    public = {name.removeprefix("GET ") for name in ROUTES if name.startswith("GET ")}
    for name, template in all_pods(overlay).items():
        for container in template["spec"]["containers"]:
            ports = {port["name"] for port in container.get("ports", ())}
            probes = [
                container[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe") if probe in container
            ]
            assert probes or name == "croupier-backup", name
            for asked in (probe["httpGet"] for probe in probes if "httpGet" in probe):
                assert asked["path"] in public and asked["port"] in ports


def test_ray_listens_where_the_probes_ask(overlay: list[Resource]) -> None:
    [cluster] = of_kind(overlay, "RayCluster")
    head = cluster["spec"]["headGroupSpec"]
    words = " ".join(head["template"]["spec"]["containers"][0]["args"])
    for name, value in head["rayStartParams"].items():
        assert f"--{name}={value}" in words
    assert head["template"]["spec"]["containers"][0]["readinessProbe"]["tcpSocket"]["port"] == 6379
    [group] = cluster["spec"]["workerGroupSpecs"]
    probed = group["template"]["spec"]["containers"][0]["readinessProbe"]["tcpSocket"]["port"]
    assert group["rayStartParams"]["node-manager-port"] == str(probed)


def test_a_worker_that_ends_is_drained_or_waits_for_the_head(overlay: list[Resource]) -> None:
    shards = all_pods(overlay)["shards"]["spec"]
    [shell, _, script] = shards["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    found = re.fullmatch(
        r"CROUPIER_TOKEN=\$\(cat (\S+)/token\) "
        r"timeout (\d+) croupier drain (--node) \$POD_IP (--url) (\S+) \|\| sleep (\d+)",
        script,
    )
    assert shell == "/bin/bash" and found is not None
    folder, timeout, *options, url, waits = found.groups()
    assert set(options) <= set(options_of("drain"))
    assert int(timeout) + int(waits) < shards["terminationGracePeriodSeconds"]
    [service] = [each for each in of_kind(overlay, "Service") if name_of(each) == "croupier-gateway"]
    assert url == f"http://{name_of(service)}:{service['spec']['ports'][0]['port']}"
    assert folder in {mount["mountPath"] for mount in shards["containers"][0]["volumeMounts"]}
    policies = {name_of(each): each["spec"] for each in of_kind(overlay, "NetworkPolicy")}
    assert "shards" in roles_in(policies["gateway"]["ingress"]) and "gateway" in roles_in(policies["shards"]["egress"])


def test_gateways_finish_what_they_have(overlay: list[Resource]) -> None:
    gateway = all_pods(overlay)["croupier-gateway"]["spec"]
    [_, seconds] = gateway["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert int(seconds) + GatewaySettings().shutdown_timeout_s < gateway["terminationGracePeriodSeconds"]


def test_integrations_are_those_that_croupier_reads_and_lie_on_the_volume(overlay: list[Resource]) -> None:
    [config] = of_kind(overlay, "ConfigMap")
    read = msgspec.convert(yaml.safe_load(config["data"]["integrations.yaml"]), Integrations)
    assert read.archive is not None and read.audit is not None
    shards = all_pods(overlay)["shards"]["spec"]["containers"][0]
    [folder] = [mount["mountPath"] for mount in shards["volumeMounts"] if mount["name"] == "data"]
    assert read.archive.spool.startswith(f"{folder}/")
    assert read.archive.place.url.startswith((f"{folder}/", "s3://"))
    variables = {variable["name"] for variable in shards["env"]}
    keys = [key.env for key in (read.archive.key, read.audit.key) if key is not None]
    assert len(keys) == 2 and set(keys) <= variables


def test_keda_looks_at_the_group_and_the_topic_that_bus_in_reads() -> None:
    resources = resources_of("ha")
    [config] = of_kind(resources, "ConfigMap")
    bus_in = msgspec.convert(yaml.safe_load(config["data"]["integrations.yaml"]), Integrations).bus_in
    assert bus_in is not None
    [scaled] = of_kind(resources, "ScaledObject")
    asked = {(each["metadata"]["bootstrapServers"], each["metadata"]["consumerGroup"], each["metadata"]["topic"])
             for each in scaled["spec"]["triggers"]}  # fmt: skip
    assert asked == {(",".join(bus_in.brokers), bus_in.group, topic.name) for topic in bus_in.topics}


def test_ha_survives_a_node() -> None:
    resources = resources_of("ha")
    [cluster] = of_kind(resources, "RayCluster")
    [group] = cluster["spec"]["workerGroupSpecs"]
    assert group["replicas"] >= 3
    spread = {each["topologyKey"]: each for each in group["template"]["spec"]["topologySpreadConstraints"]}
    assert spread["kubernetes.io/hostname"]["whenUnsatisfiable"] == "DoNotSchedule"
    assert all(selected(each["labelSelector"], group["template"]) for each in spread.values())
    [claim] = of_kind(resources, "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]  # the archive's reader may run in any of them
    assert environment(cluster) | {"CROUPIER_SHARDS": "8", "CROUPIER_SPARES": "2"} == environment(cluster)
    assert {each["spec"]["minReplicas"] for each in of_kind(resources, "HorizontalPodAutoscaler")} == {3}


def test_green_is_the_cluster_of_ha_under_another_name_and_takes_over() -> None:
    [blue] = of_kind(resources_of("ha"), "RayCluster")
    [green] = resources_of("green")
    assert (name_of(blue), name_of(green)) == ("croupier", "croupier-green")
    taken = {"CROUPIER_TAKE_OVER": "1"}
    assert environment(green) == environment(blue) | taken and environment(blue)["CROUPIER_TAKE_OVER"] == "0"
    for name, template in pods(green):
        other = dict(pods(blue))[name]
        assert labels(template) == labels(other)  # so that policies and budgets hold for both
        assert template["spec"]["volumes"] == other["spec"]["volumes"]
    assert green["spec"]["workerGroupSpecs"] == blue["spec"]["workerGroupSpecs"]


def environment(cluster: Resource) -> dict[str, str]:
    """What the head's environment says outright."""
    [head] = cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable["value"] for variable in head["env"] if "value" in variable}


def test_the_nightly_backup_of_small_sees_all_that_it_copies() -> None:
    resources = resources_of("small")
    found = all_pods(resources)
    mounting = ("shards", "croupier-backup")
    volumes = {name: {each["name"]: each for each in found[name]["spec"]["volumes"]} for name in mounting}
    paths = {name: {mount["mountPath"]: mount["name"] for mount in found[name]["spec"]["containers"][0]["volumeMounts"]}
             for name in found}  # fmt: skip
    claim = lambda name, path: volumes[name][paths[name][path]]["persistentVolumeClaim"]["claimName"]  # noqa: E731
    assert claim("shards", "/var/lib/croupier") == claim("croupier-backup", "/var/lib/croupier")
    [redis] = of_kind(resources, "StatefulSet")
    [template] = redis["spec"]["volumeClaimTemplates"]
    assert paths["croupier-redis"]["/data"] == name_of(template)  # where Redis says that its dump is
    assert claim("croupier-backup", "/data") == f"{name_of(template)}-{name_of(redis)}-0"
    nodes = [found[name]["spec"]["affinity"]["podAffinity"] for name in volumes]
    [rule] = nodes[0]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert nodes[0] == nodes[1] and selected(rule["labelSelector"], found["croupier-redis"])
    [policy] = [each for each in of_kind(resources, "NetworkPolicy") if name_of(each) == "redis"]
    assert "backup" in roles_in(policy["spec"]["ingress"])


def test_small_has_a_redis_that_loses_nothing() -> None:
    [redis] = of_kind(resources_of("small"), "StatefulSet")
    [container] = redis["spec"]["template"]["spec"]["containers"]
    options = dict(zip(container["args"][::2], container["args"][1::2], strict=True))
    assert options["--appendonly"] == "yes" and options["--appendfsync"] == "always"
    assert options["--maxmemory-policy"] == "noeviction" and options["--maxmemory"] == "3gb"
    assert options["--dir"] == container["volumeMounts"][0]["mountPath"]
