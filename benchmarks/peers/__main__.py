"""Serves one peer with one uvicorn worker: uvloop, httptools, no access log."""

import argparse
from pathlib import Path
from typing import Any

import uvicorn

from benchmarks.peers.nothing import p0, p4
from benchmarks.peers.proof import Proof
from benchmarks.peers.route import Backend, application


def _backend(name: str, store: str, players: int) -> Backend:
    """Imported late: no peer pays for what only another one needs."""
    if name == "p1":
        from benchmarks.peers.redis_spin import RedisBackend

        return RedisBackend(store, players)
    if name == "p2":
        from benchmarks.peers.postgres_spin import PostgresBackend

        return PostgresBackend(store, players)
    from benchmarks.peers.actor_spin import ActorBackend

    return ActorBackend(store, players)


def main() -> None:
    """Serves until SIGTERM."""
    parser = argparse.ArgumentParser(prog="benchmarks.peers", description=__doc__)
    parser.add_argument("name", choices=("p0", "p1", "p2", "p3", "p4"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", default="", help="URL of Redis (p1, p3) or PostgreSQL (p2)")
    parser.add_argument("--keys", type=Path, help="who may call (p1, p2, p3)")
    parser.add_argument("--players", type=int, default=10_000)
    options = parser.parse_args()
    idle: dict[str, Any] = {"p0": p0, "p4": p4}
    app = idle.get(options.name) or application(
        _backend(options.name, options.store, options.players), Proof(options.keys)
    )
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        http="httptools",
        lifespan="off" if options.name in idle else "on",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
