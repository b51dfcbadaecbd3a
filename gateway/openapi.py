"""The OpenAPI document: FastAPI's own part, the hot routes, and for every route what its declaration says."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from gateway.declaring import Route, RouteTable
from gateway.documents import requests
from gateway.documents.base import ProblemJson, WaitingJson
from gateway.documents.visible import JSON_MARK
from gateway.http.errors import TABLE
from gateway.routes.catalogs import bundles
from gateway.spin.hot_routes import is_hot

_REF: Final = "#/components/schemas/{name}"
_VISIBLE: Final = {"type": "string", "pattern": requests.VISIBLE}
_OWN_ID: Final = {"type": "string", "pattern": requests.OWN_ID}

_FILE: Final = {"type": "string", "contentMediaType": "application/octet-stream"}
_FORM: Final = {
    "type": "object",
    "description": "One part per file. A part called `file` or `files` is named by its `filename`, like "
    "`campaigns/welcome-100.yaml`; any other part's name is the file's.",
    "properties": {"file": _FILE, "files": {"type": "array", "items": _FILE}},
    "propertyNames": {"minLength": 1, "maxLength": bundles.FILE_NAME_MAX},
    "additionalProperties": _FILE,
}
_SCHEMES: Final = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "Timestamp": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Request-Timestamp",
        "description": "Unix time in seconds, at most 300 s off",
    },
    "Signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Request-Sign",
        "description": "Lower-case hex HMAC-SHA256, under the key's secret, of timestamp, method, path?query, "
        "Idempotency-Key (or nothing) and body, joined by line feeds",
    },
    "Bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}
_PROOFS: Final[list[dict[str, list[str]]]] = [{"ApiKey": [], "Timestamp": [], "Signature": []}, {"Bearer": []}]


def document(
    title: str, version: str, description: str, served: Sequence[BaseRoute], routes: RouteTable
) -> dict[str, Any]:
    """The whole document: what FastAPI knows of the routes `served`, completed by what is declared of them."""
    found = get_openapi(title=title, version=version, description=description, routes=served)
    paths = found["paths"]
    for route in routes.values():
        if is_hot(route.path):
            paths.setdefault(route.path, {})[route.method.lower()] = _hot_operation(route)
        if route.path in paths:  # the sandbox route is served only with settings.sandbox
            _complete(route, paths[route.path][route.method.lower()])
    components = found.setdefault("components", {})
    own = {name: schema for name, schema in components.get("schemas", {}).items() if "ValidationError" not in name}
    components["schemas"] = own | _components(routes)
    components["securitySchemes"] = _SCHEMES
    whole: dict[str, Any] = _whole(found)
    return whole


def _whole(node: Any) -> Any:
    """Writes limits of integers as integers, where FastAPI writes 1000000000000000.0, and drops what only Python's
    patterns need.
    """
    if isinstance(node, dict):
        return {name: _whole(child) for name, child in node.items()}
    if isinstance(node, list):
        return [_whole(child) for child in node]
    if isinstance(node, str):
        return node.removesuffix(requests.NO_NEWLINE)
    return int(node) if isinstance(node, float) and node.is_integer() else node


def _components(routes: RouteTable) -> dict[str, Any]:
    types = [type_ for route in routes.values() for type_ in (route.answer, route.body) if type_ is not None]
    found = msgspec.json.schema_components(dict.fromkeys([*types, ProblemJson, WaitingJson]), ref_template=_REF)[1]
    return {name: _some_may_lack(schema) for name, schema in found.items()}


def _some_may_lack(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a document, in which nothing is required that is left out for some callers."""
    fields = schema.get("properties", {})
    required = [name for name in schema.get("required", ()) if JSON_MARK not in fields.get(name, {})]
    return schema | ({"required": required} if "required" in schema else {})


def _hot_operation(route: Route) -> dict[str, Any]:
    in_path = [_parameter(name, "path", _OWN_ID) for name in re.findall(r"{(\w+)}", route.path)]
    in_query = [
        _parameter(of.name, "query", of.schema, of.required)
        | ({"description": of.description} if of.description else {})
        for of in route.query
    ]
    return {"operationId": _operation_id(route.name), "parameters": [*in_path, *in_query]}


def _operation_id(name: str) -> str:
    return "_".join(part.strip("{}").lower() for part in name.replace(" /", "/").split("/"))


def _parameter(name: str, where: str, schema: Mapping[str, Any], required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema}


def _complete(route: Route, operation: dict[str, Any]) -> None:
    """Adds to an operation what is declared of its route."""
    operation["summary"] = route.summary
    operation.pop("description", None)
    operation["responses"] = {str(status): _answered(route) for status in route.statuses}
    operation["responses"] |= _problems(route.refusals)
    if route.may_wait:
        operation["responses"]["202"] = _answer(WaitingJson)
    if route.roles:
        operation["security"] = _PROOFS
        operation["description"] = f"Roles: {', '.join(sorted(route.roles))}."
    if route.body is not None:
        content = {"application/json": {"schema": _reference(route.body)}}
        forms = {"multipart/form-data": {"schema": _FORM}} if route.form else {}
        operation["requestBody"] = {"required": True, "content": content | forms}
    if route.keyed:
        key = _parameter("Idempotency-Key", "header", _VISIBLE)
        operation["parameters"] = [*operation.get("parameters", []), key]


def _answered(route: Route) -> dict[str, Any]:
    if route.answer is None:
        return {"description": "See the Prometheus documentation" if route.path == "/metrics" else "The file"}
    answered = _answer(route.answer)
    if route.as_csv:
        answered["content"]["text/csv"] = {"schema": {"type": "string"}}
    return answered


def _answer(type_: type[msgspec.Struct]) -> dict[str, Any]:
    summary = (type_.__doc__ or "").strip()
    return {"description": summary, "content": {"application/json": {"schema": _reference(type_)}}}


def _reference(type_: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=type_.__name__)}


def _problems(codes: Iterable[str]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in codes:
        by_status[TABLE[code].status].append(code)
    content = {"application/problem+json": {"schema": _reference(ProblemJson)}}
    return {
        str(status): {"description": ", ".join(f"`{code}`" for code in listed), "content": content}
        for status, listed in sorted(by_status.items())
    }
