"""Health: alive, ready, started; and the metrics. No key, no client data, never kept in a cache."""

from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.responses import Response

from service.api.answers import answer, refusals
from service.api.contract import operation_id
from service.api.errors import Problem, ProblemPublic
from service.db.migrations import readiness
from service.domain.errors import Fault

router = APIRouter(tags=["health"], generate_unique_id_function=operation_id)

NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"model": ProblemPublic, "description": "Not ready; the fault's code says why"}
}


class HealthPublic(BaseModel):
    status: str


@router.get("/livez", response_model=HealthPublic)
async def livez() -> Response:
    """Tell that the process answers; asks nobody else."""
    return answer({"status": "alive"})


@router.get("/readyz", response_model=HealthPublic, responses=NOT_READY)
async def readyz(request: Request) -> Response:
    """Tell whether requests may be sent here: the database answers, its migrations fit, nobody asked us to stop."""
    service = request.app.state.service
    reason = "draining" if service.draining else await readiness(service.engine)
    if reason is not None:
        raise Problem("not-ready", faults=[Fault("", reason, "The service cannot take requests now.")])
    return answer({"status": "ready"})


@router.get("/startupz", response_model=HealthPublic, responses=NOT_READY)
async def startupz(request: Request) -> Response:
    """Tell whether the process has started: as ready as it will be, a request to stop aside."""
    reason = await readiness(request.app.state.service.engine)
    if reason is not None:
        raise Problem("not-ready", faults=[Fault("", reason, "The service has not started yet.")])
    return answer({"status": "started"})


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **refusals(404)})
async def metrics(request: Request) -> Response:
    """Return the metrics of this process in the text format of Prometheus, unless they have a port of their own."""
    if request.app.state.service.settings.metrics_port is not None:
        raise Problem("not-found")
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)
