"""``/health/live``: it answers. ``/health/startup``: it has loaded once. ``/health/ready``: it serves now."""

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
    "/startup",
    response_model=HealthAnswer,
    summary="Has it started",
    responses=refusals("not-ready", "engine-unavailable"),
)
async def startup(request: Request) -> HealthAnswer:
    """503 with the reason until everything was loaded once; then 200 for as long as the process lives."""
    service = service_of(request)
    if not service.readiness.started:
        service.require_ready()
    return HealthAnswer(status="started")


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
