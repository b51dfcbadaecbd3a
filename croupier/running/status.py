"""`croupier status`: the cluster as a gateway sees it, as a table."""

import json
import sys
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from rich.console import Console
from rich.table import Table

TIMEOUT_S = 5
NODE_CHARS = 12
"""Of a node's name, which is longer than a table is wide."""


def show_status(url: str, token: str | None, as_json: bool = False) -> int:
    """Prints the tables, or the JSON of `GET /cluster`; 1 if the gateway can't be asked or a shard does not serve."""
    try:
        request = Request(f"{url.rstrip('/')}/cluster", headers={"Authorization": f"Bearer {token}"} if token else {})
        with urlopen(request, timeout=TIMEOUT_S) as response:
            cluster = json.load(response)
    except HTTPError as refused:
        print(f"croupier: {url} refused with {refused.code}: {_detail(refused)}", file=sys.stderr)
        return 1
    except (URLError, OSError, ValueError, HTTPException) as problem:
        print(f"croupier: no Croupier answers at {url}: {getattr(problem, 'reason', problem)}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(cluster, indent=2))
    else:
        _show(cluster)
    return 0 if cluster["shards"] and all(shard["serving"] for shard in cluster["shards"]) else 1


def _show(cluster: dict[str, Any]) -> None:
    console = Console()
    console.print(_table(cluster))
    if cluster.get("readers"):
        console.print(_readers(cluster["readers"]))
    if cluster.get("operation"):
        print(f"operation {cluster['operation']['number']}, {progress(cluster['operation'])}")


def progress(operation: dict[str, Any]) -> str:
    """One line: how far a live operation is."""
    parts = [f"{operation['slots_moved']} slots moved, {operation['slots_left']} left"]
    if operation["shards_done"] or operation["shards_left"]:
        parts.append(f"{operation['shards_done']} shards replaced, {operation['shards_left']} left")
    if operation["trouble"]:
        parts.append(f"waits: {operation['trouble']}" if operation["state"] == "running" else operation["trouble"])
    return f"{operation['asked']}: {operation['state']}; " + "; ".join(parts)


def _detail(refused: HTTPError) -> str:
    try:
        return str(json.load(refused)["detail"])
    except (ValueError, KeyError, TypeError):
        return str(refused.reason)


def _readers(readers: list[dict[str, Any]]) -> Table:
    """Readers of the journal: what they are behind, and why they don't read, if they don't."""
    table = Table(title="Readers of the journal", title_justify="left")
    columns = ("name", "pid", "reading", "lag_seconds", "lag_records", "trouble")
    for name in (*columns, "breakers"):
        table.add_column(name.replace("_", " "))
    for reader in readers:
        breakers = ", ".join(f"{name}: {state}" for name, state in reader["breakers"].items())
        table.add_row(*("–" if reader[name] is None else str(reader[name]) for name in columns), breakers or "–")
    return table


def _table(cluster: dict[str, Any]) -> Table:
    table = Table(title=f"Supervisor term {cluster['term']}", title_justify="left")
    columns = ("shard_id", "epoch", "serving", "pid", "address", "slots", "resident_players", "pending_entries")
    for name in (*columns, "breakers", "node"):
        table.add_column(name.replace("_", " "))
    for shard in cluster["shards"]:
        node = (shard.get("node") or "–")[:NODE_CHARS]
        states = [f"{name}: {state}" for name, state in shard.get("breakers", {}).items()]
        breakers = ", ".join([*states, *(["on fallback"] if shard.get("on_fallback") else [])])
        table.add_row(*("–" if shard[name] is None else str(shard[name]) for name in columns), breakers or "–", node)
    return table
