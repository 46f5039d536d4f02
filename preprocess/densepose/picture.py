"""Part numbers and their picture.

Part numbers are those of DensePose-COCO's fine segmentation (Güler et al., CVPR 2018; detectron2's
``projects/DensePose/doc/DENSEPOSE_DATASETS.md`` for feet, hands, limbs and head; which number of a pair is
front or back as users of the model report it, e.g. github facebookresearch/detectron2 issues 165 and 3745).
"""

from __future__ import annotations

import cv2
import numpy as np

from preprocess.types import DensePose, Rgb

PARTS = (
    *("background", "torso back", "torso front", "right hand", "left hand", "left foot", "right foot"),
    *("right upper leg back", "left upper leg back", "right upper leg front", "left upper leg front"),
    *("right lower leg back", "left lower leg back", "right lower leg front", "left lower leg front"),
    *("left upper arm inside", "right upper arm inside", "left upper arm outside", "right upper arm outside"),
    *("left lower arm inside", "right lower arm inside", "left lower arm outside", "right lower arm outside"),
    *("right head", "left head"),
)
"""Names of the parts; left and right are the person's own, the index is the value in a part map."""


def render(dense: DensePose) -> Rgb:
    """``densepose-rgb``: parts as colours, ``uint8 (H, W, 3)`` RGB, background black.

    Part ``I`` is grey level ``I * 255 / 24``, rounded down, seen through OpenCV's ``COLORMAP_PARULA``: what
    detectron2's ``dp_segm`` visualiser draws and IDM-VTON was trained on.
    """
    grey = np.floor(np.arange(len(PARTS)) * 255.0 / (len(PARTS) - 1)).astype(np.uint8)
    palette = cv2.applyColorMap(grey[None], cv2.COLORMAP_PARULA)[0, :, ::-1].copy()
    palette[0] = 0
    return np.asarray(palette[dense.parts], dtype=np.uint8)
