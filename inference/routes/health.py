"""``/health/live``: the process answers. ``/health/ready``: requests will be served."""

from __future__ import annotations

from fastapi import APIRouter, Request

from inference.routes.forms import refusals
from inference.schemas import HealthAnswer
from inference.service import service_of

router = APIRouter(tags=["health"], prefix="/health")


@router.get("/live", response_model=HealthAnswer, summary="Is the process alive")
async def live() -> HealthAnswer:
    """Restart the service when this does not answer."""
    return HealthAnswer(status="live")


@router.get(
    "/ready",
    response_model=HealthAnswer,
    summary="Can it serve",
    responses=refusals("not-ready", "engine-unavailable"),
)
async def ready(request: Request) -> HealthAnswer:
    """503 while models are loading, and as long as something is missing; the detail says what."""
    service_of(request).require_ready()
    return HealthAnswer(status="ready")
