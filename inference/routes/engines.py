"""``GET /v1/engines``: what is installed, what it can do, and why it cannot run here."""

from __future__ import annotations

from fastapi import APIRouter, Request

from inference.config import Settings
from inference.engines.base import EngineSpec, Limit
from inference.engines.registry import Registry
from inference.problems import Problem
from inference.schemas import EngineBody, EnginesAnswer, KeepsBody, OptionBody, VariantBody
from inference.selection import choose, why_not
from inference.service import Service, service_of
from inference.weights.requirement import variants_here

router = APIRouter(tags=["engines"])


@router.get("/v1/engines", response_model=EnginesAnswer, summary="List the engines")
def get_engines(request: Request) -> EnginesAnswer:
    """In the operator's order of preference."""
    service = service_of(request)
    entries = service.registry.entries
    preferred = service.registry.in_order(service.settings.engines)
    others = [entry.spec for entry in entries.values() if entry.spec not in preferred]
    return EnginesAnswer(
        default=default_engine(service),
        engines=[describe(spec, service.registry, service.settings) for spec in (*preferred, *others)],
        garments=service.settings.max_garments,
        keeps=KeepsBody(
            asset_s=service.settings.asset_ttl_s,
            request_s=service.settings.reuse_s,
            job_s=service.settings.job_ttl_s,
            jobs_on_disk=service.settings.jobs_store == "sqlite",
        ),
    )


def default_engine(service: Service) -> str | None:
    """The engine of ``engine=auto`` now."""
    try:
        return choose("auto", service.registry, service.settings).spec.name
    except Problem:
        return None


def describe(spec: EngineSpec, registry: Registry, settings: Settings) -> EngineBody:
    reason = why_not(spec, registry, settings)
    served = [name for name in spec.categories if not (reason or registry.why_not_category(spec, name))]
    here = variants_here(spec, settings.weights)
    return EngineBody(
        name=spec.name,
        title=spec.title,
        summary=spec.summary,
        revision=spec.revision,
        code_license=spec.code_license,
        weights_license=spec.weights_license,
        commercial_use=spec.commercial_use,
        preview=spec.preview,
        categories=sorted(spec.categories),
        served=sorted(served),
        photo_kinds=sorted(spec.photo_kinds),
        canvas=list(spec.canvas),
        artefacts=list(spec.artefacts),
        devices=list(spec.devices),
        options=[_option(name, accepted) for name, accepted in spec.options.items()],
        variants=[
            VariantBody(
                name=variant.name,
                categories=sorted(variant.categories),
                repo=variant.repo,
                here=variant in here,
            )
            for variant in spec.variants
        ],
        vram_mb=dict(spec.vram_mb),
        validated_on=list(spec.validated_on),
        available=reason is None,
        reason=reason,
    )


def _option(name: str, accepted: Limit | tuple[str, ...] | None) -> OptionBody:
    if isinstance(accepted, Limit):
        return OptionBody(name=name, least=accepted.least, most=accepted.most, default=accepted.default)
    return OptionBody(name=name, choices=None if accepted is None else list(accepted))
