"""What ``warp`` is: a preview engine for the CPU that lays photos of garments onto the body."""

from __future__ import annotations

from inference.engines.base import EngineSpec

SPEC = EngineSpec(
    name="warp",
    title="Warp (preview)",
    summary=(
        "Cuts each garment out of its photo, fits it to the body by measured landmarks and lights it like "
        "the scene. Runs on any CPU without downloads; a preview of the fit, not a generated photo."
    ),
    revision="6",
    code_license="Apache-2.0",
    weights_license="Apache-2.0",  # pose and segmentation models of MediaPipe, used by the preparation
    commercial_use=True,
    preview=True,
    categories=frozenset({"upper", "lower", "dress"}),
    photo_kinds=frozenset({"flat", "worn"}),
    canvas=(768, 1024),
    artefacts=("blaze33", "basic"),
    devices=("cpu",),
    # The engine is deterministic: every request carries a seed and gets it back, steps, guidance and several
    # samples would change nothing and are refused.
    options={"seed": None, "mask": None},
    validated_on=("cpu",),
)
