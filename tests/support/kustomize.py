"""What `kustomize build` makes of our overlays, for tests: just the fields that they use, and no others.

`tests/unit/deploy/test_kubernetes.py` compares it with kubectl's where there is one.
"""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

Resource = dict[str, Any]
FIELDS = {"apiVersion", "kind", "namespace", "nameSuffix", "resources", "images", "patches"}
CLUSTER_WIDE = ("Namespace",)


def rendered(folder: Path) -> list[Resource]:
    """All resources of an overlay. AssertionError for a field that this does not know."""
    given = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(given) <= FIELDS, set(given) - FIELDS
    found = [resource for name in given["resources"] for resource in _resources(folder / name)]
    for patch in given.get("patches", ()):
        _patch(found, patch["target"], yaml.safe_load((folder / patch["path"]).read_text()))
    for resource in found:
        resource["metadata"]["name"] += given.get("nameSuffix", "")
        if resource["kind"] not in CLUSTER_WIDE:
            resource["metadata"]["namespace"] = given["namespace"]
        for container in containers(resource):
            container["image"] = _image(container["image"], given.get("images", ()))
    return found


def _resources(path: Path) -> list[Resource]:
    if path.is_dir():
        return rendered(path)
    return [copy.deepcopy(document) for document in yaml.safe_load_all(path.read_text())]


def _image(name: str, images: Sequence[dict[str, str]]) -> str:
    for image in images:
        if image["name"] == name:
            return f"{image['newName']}:{image['newTag']}"
    return name


def _patch(resources: Sequence[Resource], target: dict[str, str], operations: Sequence[dict[str, Any]]) -> None:
    matching = [each for each in resources if (each["kind"], name_of(each)) == (target["kind"], target["name"])]
    assert len(matching) == 1, f"{target} is there {len(matching)} times"
    for operation in operations:
        _apply(matching[0], operation)


def _apply(resource: Resource, operation: dict[str, Any]) -> None:
    """RFC 6902: `add` to an object, and `replace`."""
    *way, last = operation["path"].removeprefix("/").split("/")
    at: Any = resource
    for step in way:
        at = at[int(step) if isinstance(at, list) else step]
    key = int(last) if isinstance(at, list) else last
    there = key < len(at) if isinstance(at, list) else key in at
    assert there == (operation["op"] == "replace"), operation["path"]
    at[key] = operation["value"]


def name_of(resource: Resource) -> str:
    """`metadata.name`."""
    return str(resource["metadata"]["name"])


def pods(resource: Resource) -> Iterator[tuple[str, Resource]]:
    """The pod templates in a resource, by a name for messages."""
    spec = resource.get("spec", {})
    if resource["kind"] in ("Deployment", "StatefulSet"):
        yield name_of(resource), spec["template"]
    if resource["kind"] == "CronJob":
        yield name_of(resource), spec["jobTemplate"]["spec"]["template"]
    if resource["kind"] == "RayCluster":
        yield "head", spec["headGroupSpec"]["template"]
        yield from ((group["groupName"], group["template"]) for group in spec["workerGroupSpecs"])


def containers(resource: Resource) -> Iterator[dict[str, Any]]:
    """All containers of its pods."""
    for _, template in pods(resource):
        yield from template["spec"]["containers"]
