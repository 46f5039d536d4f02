"""Which files the full provider reads, where they come from and under which terms."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from preprocess.licenses import may_use
from preprocess.weights import WeightSet

OWNER = "preprocess-full"

ATR_SHA256 = "04c7d1d070d0e0ae943d86b18cb5aaaea9e278d97462e9cfb270cbbe4cd977f4"
LIP_SHA256 = "8436e1dae96e2601c373d1ace29c8f0978b16357d9038c17a8ba756cca376dbc"
"""Not from the space named below, which nobody of this project could reach: digests and sizes (266 859 305
and 266 863 411 bytes) that the LFS pages of other public copies of the two files agree on."""

SCHP = WeightSet(
    owner=OWNER,
    name="schp",
    title="SCHP human parsing, trained on ATR and on LIP (Li et al., TPAMI 2020), as IDM-VTON uses it",
    repo="yisol/IDM-VTON",
    repo_type="space",
    revision="main",
    files={
        "ckpt/humanparsing/parsing_atr.onnx": ATR_SHA256,
        "ckpt/humanparsing/parsing_lip.onnx": LIP_SHA256,
    },
    license="code MIT; trained on ATR and LIP, for non-commercial research",
    commercial_use=False,
    download_mb=534,
)

DWPOSE = WeightSet(
    owner=OWNER,
    name="dwpose",
    title="DWPose whole-body pose, 133 points (Yang et al., ICCVW 2023)",
    repo="yzd-v/DWPose",
    revision="main",
    files={"dw-ll_ucoco_384.onnx": "724f4ff2439ed61afb86fb8a1951ec39c6220682803b4a8bd4f598cd913b1843"},
    license="Apache-2.0; trained on COCO-WholeBody and UBody, for non-commercial research",
    commercial_use=False,
    download_mb=134,
)

OPENPOSE = WeightSet(
    owner=OWNER,
    name="openpose",
    title="OpenPose body model, COCO, 18 points (Cao et al., TPAMI 2019), your own ONNX export",
    repo="",
    revision="",
    files={"body_pose_model.onnx": ""},
    license="CMU OpenPose: academic or non-profit non-commercial research",
    commercial_use=False,
    default=False,
)

DENSEPOSE = WeightSet(
    owner=OWNER,
    name="densepose",
    title="DensePose R-CNN R50-FPN (Güler et al., CVPR 2018), your own ONNX export",
    repo="",
    revision="",
    files={"densepose.onnx": ""},
    license="CC BY-SA 3.0 (model zoo of detectron2); trained on DensePose-COCO, for non-commercial use",
    commercial_use=False,
    default=False,
)

WEIGHT_SETS: tuple[WeightSet, ...] = (SCHP, DWPOSE, OPENPOSE, DENSEPOSE)
"""An empty ``repo``: nobody publishes the file, ``docs/preprocessing-models.md`` says how to make it."""

SOURCES: Mapping[str, tuple[WeightSet, ...]] = {
    "atr18": (SCHP,),
    "coco18": (DWPOSE, OPENPOSE),
    "densepose-parts": (DENSEPOSE,),
}
"""Convention tag -> the sets that give it, the preferred one first."""


def accepted_sets(weights: Path, owners: Collection[str]) -> frozenset[str]:
    """Names of the sets that may be used: the operator accepted their licence.

    By command, recorded in ``weights`` (the folder of all weights) for each licence on its own, or for all
    of them where ``owners``, those whose licences a setting accepts, has :data:`OWNER`.
    """
    return frozenset(wanted.name for wanted in WEIGHT_SETS if may_use(wanted, weights, owners))


def available(weights: Path, accepted: Collection[str]) -> frozenset[str]:
    """Tags that a set gives whose files are there and whose name is in ``accepted``."""
    return frozenset(
        tag
        for tag, sets in SOURCES.items()
        if any(wanted.name in accepted and not wanted.missing(weights) for wanted in sets)
    )


def unaccepted(weights: Path, accepted: Collection[str]) -> tuple[WeightSet, ...]:
    """Sets whose files are there and which nobody may use yet."""
    return tuple(
        wanted for wanted in WEIGHT_SETS if wanted.name not in accepted and not wanted.missing(weights)
    )
