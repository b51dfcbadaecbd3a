"""Health, metrics and the cluster: the FastAPI routes operators and their tools use."""

from fastapi import Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from gateway.access.roles import AUDITOR, OPS, PUBLIC, SUPPORT
from gateway.declaring import Routes
from gateway.documents.base import ClusterJson, HealthJson
from gateway.figures import HouseFigures
from gateway.metrics import GatewayMetrics
from gateway.routes.call import GatewayParts, ThisCall, answer

routes = Routes()


@routes.read("GET /health/live", roles=PUBLIC, answers=HealthJson, asks_player=False)
async def live() -> Response:
    """The process answers."""
    return answer(HealthJson("live"))


@routes.read("GET /health/ready", roles=PUBLIC, answers=HealthJson, asks_player=False, statuses=(200, 503))
async def ready(request: Request) -> Response:
    """Whether this gateway can be of use: 503 with the reason if players have no shard.

    While shards can't write to the store, it is 200 `degraded`: all gateways meet the same store, so taking them out of
    a balancer would turn refusals that say what to do into connections that fail, and take reads away, too.
    """
    house: GatewayParts = request.app.state.parts
    serves, detail = house.cluster.ready()
    if serves:
        trouble = house.cluster.not_writing()
        return answer(HealthJson("degraded", trouble) if trouble else HealthJson("ready", detail))
    response = answer(HealthJson("not_ready", detail), 503)
    response.headers["retry-after"] = "1"
    return response


@routes.read("GET /metrics", roles=PUBLIC, answers=None, asks_player=False)
async def metrics(request: Request) -> Response:
    """This gateway's metrics, for Prometheus, and what is counted over all players."""
    counted: GatewayMetrics = request.app.state.metrics
    figures: HouseFigures = request.app.state.figures
    await figures.refresh()
    return Response(counted.exposition(), headers={"content-type": CONTENT_TYPE_LATEST})


@routes.read("GET /metrics/targets", roles=PUBLIC, answers=None, asks_player=False)
async def metric_targets(request: Request) -> Response:
    """Prometheus HTTP service discovery of every gateway, shard and reader."""
    house: GatewayParts = request.app.state.parts
    return JSONResponse([dict(entry) for entry in house.cluster.metric_targets()])


@routes.read("GET /asyncapi.json", roles=PUBLIC, answers=None, asks_player=False)
async def asyncapi(request: Request) -> Response:
    """The AsyncAPI document of the event bus: topics, events, and the schemas of their data."""
    house: GatewayParts = request.app.state.parts
    return Response(house.events, media_type="application/json")


@routes.read("GET /cluster", roles=OPS | SUPPORT | AUDITOR, answers=ClusterJson, asks_player=False)
async def cluster(call: ThisCall) -> Response:
    """Shards, epochs, slots and players; readers of the journal."""
    call.admit()
    return JSONResponse(dict(call.parts.cluster.cluster()))
