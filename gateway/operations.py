"""Health, metrics and the cluster: the FastAPI routes operators and their tools use."""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from gateway.door import AtDoor, House, answer
from gateway.metrics import GatewayMetrics
from gateway.schemas import HealthJson

router = APIRouter()


@router.get("/health/live")
async def live() -> Response:
    """The process answers."""
    return answer(HealthJson("live"))


@router.get("/health/ready")
async def ready(request: Request) -> Response:
    """Whether spins can be served now; 503 with the reason if not."""
    house: House = request.app.state.house
    serves, detail = house.cluster.ready()
    if serves:
        return answer(HealthJson("ready", detail))
    response = answer(HealthJson("not_ready", detail), 503)
    response.headers["retry-after"] = "1"
    return response


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """This gateway's metrics, for Prometheus, and what is counted over all players."""
    counted: GatewayMetrics = request.app.state.metrics
    house: House = request.app.state.house
    counted.population = await house.control.population()
    return Response(counted.exposition(), headers={"content-type": CONTENT_TYPE_LATEST})


@router.get("/metrics/targets")
async def metric_targets(request: Request) -> Response:
    """Prometheus HTTP service discovery of every gateway and shard."""
    house: House = request.app.state.house
    return JSONResponse([dict(entry) for entry in house.cluster.metric_targets()])


@router.get("/cluster")
async def cluster(door: AtDoor) -> Response:
    """Shards, epochs, slots, players and breakers."""
    door.admit()
    return JSONResponse(dict(door.house.cluster.cluster()))
