"""The armhole of a flat garment: the line from shoulder tip to armpit that sleeve and torso part at."""

from __future__ import annotations

import numpy as np

from inference.engines.warp.silhouette import SideName
from inference.engines.warp.types import Vec
from preprocess.types import Alpha, GarmentLandmarks


def inside_armhole(marks: GarmentLandmarks, shape: tuple[int, ...], side: SideName) -> Alpha:
    """``(h, w)`` 1 on the torso's side of the armhole, 0 beyond it, soft on the line."""
    normal = into_sleeve(marks, side)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) + np.float32(0.5)
    tip = marks.shoulder[side]
    along_x = (x - np.float32(tip[0])) * np.float32(normal[0])
    beyond = along_x + (y - np.float32(tip[1])) * np.float32(normal[1])
    inside: Alpha = np.clip(np.float32(0.5) - beyond, 0.0, 1.0)
    return inside


def into_sleeve(marks: GarmentLandmarks, side: SideName) -> Vec:
    """Unit normal of the armhole that points into the sleeve."""
    chord = np.array(marks.armpit[side]) - np.array(marks.shoulder[side])
    normal = np.array([chord[1], -chord[0]]) / max(float(np.hypot(*chord)), 1e-9)
    away = -1.0 if side == "left" else 1.0
    return normal if normal[0] * away >= 0 else -normal
