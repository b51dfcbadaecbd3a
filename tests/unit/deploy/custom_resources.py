"""Schemas of the custom resources that deploy/kubernetes uses: only the fields that are used, each with its type.

They are written after the reference of KubeRay 1.4 (ray.io/v1), KEDA 2.16 (keda.sh/v1alpha1) and the Prometheus
Operator 0.80 (monitoring.coreos.com). Pod templates are checked as pods, by the schemas of Kubernetes itself.
"""

from typing import Any, Final

Schema = dict[str, Any]
TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "integer"}
TEXTS: Final[Schema] = {"type": "object", "additionalProperties": TEXT}
DURATION: Final[Schema] = {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"}
TEMPLATE: Final[Schema] = {"type": "object", "required": ["metadata", "spec"]}


def fields(required: str, **properties: Schema) -> Schema:
    """An object with these fields and no others; `required` are names with blanks between."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def listed(items: Schema) -> Schema:
    """A list of at least one."""
    return {"type": "array", "items": items, "minItems": 1}


RELABELINGS: Final = listed(
    fields("action", action={"enum": ["replace", "drop"]}, sourceLabels=listed(TEXT), regex=TEXT, targetLabel=TEXT,
           replacement=TEXT)
)  # fmt: skip
SELECTOR: Final = fields("matchLabels", matchLabels=TEXTS)
ENDPOINTS: Final = listed(fields("port", port=TEXT, path=TEXT, interval=DURATION, relabelings=RELABELINGS))
WORKERS: Final = fields(
    "groupName replicas minReplicas maxReplicas rayStartParams template",
    groupName=TEXT, replicas=NUMBER, minReplicas=NUMBER, maxReplicas=NUMBER, rayStartParams=TEXTS, template=TEMPLATE,
)  # fmt: skip
SPECS: Final[dict[tuple[str, str], Schema]] = {
    ("ray.io/v1", "RayCluster"): fields(
        "rayVersion headGroupSpec workerGroupSpecs",
        rayVersion=TEXT,
        enableInTreeAutoscaling={"type": "boolean"},
        headGroupSpec=fields(
            "rayStartParams template", serviceType={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
            rayStartParams=TEXTS, template=TEMPLATE,
        ),
        workerGroupSpecs=listed(WORKERS),
    ),
    ("keda.sh/v1alpha1", "ScaledObject"): fields(
        "scaleTargetRef triggers",
        scaleTargetRef=fields("name", name=TEXT, kind=TEXT, apiVersion=TEXT),
        minReplicaCount=NUMBER, maxReplicaCount=NUMBER, pollingInterval=NUMBER, cooldownPeriod=NUMBER,
        triggers=listed(fields(
            "type metadata", type={"const": "kafka"},
            metadata=fields("bootstrapServers consumerGroup topic", bootstrapServers=TEXT, consumerGroup=TEXT,
                            topic=TEXT, lagThreshold={"type": "string", "pattern": r"^[1-9]\d*$"}),
        )),
    ),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): fields("selector endpoints", selector=SELECTOR,
                                                           endpoints=ENDPOINTS),
    ("monitoring.coreos.com/v1", "PodMonitor"): fields("selector podMetricsEndpoints", selector=SELECTOR,
                                                       podMetricsEndpoints=ENDPOINTS),
    ("monitoring.coreos.com/v1alpha1", "ScrapeConfig"): fields(
        "httpSDConfigs", scrapeInterval=DURATION, relabelings=RELABELINGS,
        httpSDConfigs=listed(fields("url", url={"type": "string", "pattern": "^http"}, refreshInterval=DURATION)),
    ),
}  # fmt: skip
METADATA: Final = fields("name namespace", name=TEXT, namespace=TEXT, labels=TEXTS, annotations=TEXTS)


def schema_of(resource: Schema) -> Schema:
    """The whole schema of a custom resource. KeyError if there is none."""
    spec = SPECS[resource["apiVersion"], resource["kind"]]
    return fields("apiVersion kind metadata spec", apiVersion=TEXT, kind=TEXT, metadata=METADATA, spec=spec)


def is_custom(resource: Schema) -> bool:
    """Whether the resource is none of Kubernetes itself."""
    group = resource["apiVersion"].partition("/")[0]
    return "." in group and not group.endswith(".k8s.io")
