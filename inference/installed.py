"""The engines of this installation, with what each needs before it can run."""

from __future__ import annotations

from inference.config import Settings
from inference.embedded import needs_embedded_models
from inference.engines.registry import Registry, discover, needs_device, needs_packages
from inference.weights.requirement import lacks_variant, needs_weights


def engines_here(settings: Settings) -> Registry:
    """Requirements from cheap to costly: the device is asked last, because that imports torch."""
    return discover(
        requirements=(
            needs_packages,
            needs_embedded_models(settings.models),
            needs_weights(settings.weights),
            needs_device(settings.runtime),
        ),
        category_requirements=(lacks_variant(settings.weights),),
    )
