"""The neck opening of a top: one parametric curve for the collar's front edge, chosen by edge evidence.

The curve lives in the neck's own frame: ``u`` runs from -1 at the left neck point to 1 at the right one, ``v`` is the
depth below the line between them in units of their distance. All curves are ``v = depth (1 - |u'|^p)^q``: ellipses,
parabolas and V shapes. Free-form edge following was tried in the prototype and gave jagged collars.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.backdrop import Float, to_lab
from preprocess.types import Alpha, Collar, CollarKind, GarmentLandmarks, Points, Rgb, Sides

GRID_U, GRID_V = 145, 300
"""Samples of the rectified neck picture."""
RANGE_U = (-1.2, 1.2)
RANGE_V = (-0.3, 2.4)
ROUND = ((2.0, 0.5), (2.6, 0.45), (1.7, 0.65), (2.0, 1.0), (3.0, 1.0))
"""Exponents ``(p, q)`` of round necklines, from the half ellipse to the flat-bottomed parabola."""
POINTED = ((1.0, 1.0), (1.25, 1.0), (0.85, 1.0))
"""... and of V necklines: straight, slightly bellied, slightly hollow."""
DEPTHS = np.concatenate([np.arange(0.06, 0.6, 0.02), np.arange(0.6, 2.2, 0.05)])
INSETS = (1.0, 0.92, 0.84, 0.72)
"""Where the front edge starts, as a share of the half width: collars have a thickness."""
TIPS = (-0.3, -0.15, 0.0, 0.15, 0.3)
"""Sideways position of a V's tip; wrap tops are not symmetric."""
CURVE = 61
CLEAR_STEP = 9.0
"""Lab units across the edge (one sample of the grid to either side) from which it counts as fully seen."""
OUTER = 0.4
"""Worth of an edge between cloth and background, against one between cloth and cloth."""
USUAL_DEPTH = 0.36
"""Median depth of necklines over their width; only a weak preference."""
SAME = 0.07
"""Curves closer than this (mean difference in v) are the same hypothesis."""


class Shape(NamedTuple):
    """One candidate curve."""

    depth: float
    p: float
    q: float
    inset: float
    tip: float


@dataclass(frozen=True, kw_only=True)
class NeckFrame:
    """The neck's own frame on the garment's picture."""

    origin: tuple[float, float]
    along: tuple[float, float]
    """Vector of one u."""
    down: tuple[float, float]
    """Vector of one v."""

    def place(self, uv: Points) -> Points:
        """``(N, 2)`` u, v to pixels."""
        matrix = np.array([self.along, self.down], np.float32)
        return (uv @ matrix + np.array(self.origin, np.float32)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class NeckView:
    """The rectified neck: colour change along u and v (``(GRID_V, GRID_U, 3)``), lightness change, cloth."""

    gu: Float
    gv: Float
    cloth: Float
    unit: float
    """Pixels of one v."""


def neck_frame(left: tuple[float, float], right: tuple[float, float]) -> NeckFrame:
    """Frame spanned by the two neck points."""
    half = ((right[0] - left[0]) / 2, (right[1] - left[1]) / 2)
    middle = ((right[0] + left[0]) / 2, (right[1] + left[1]) / 2)
    return NeckFrame(origin=middle, along=half, down=(-2 * half[1], 2 * half[0]))


def _grid() -> tuple[Float, Float]:
    return (
        np.linspace(*RANGE_U, GRID_U, dtype=np.float32),
        np.linspace(*RANGE_V, GRID_V, dtype=np.float32),
    )


def rectify(image: Rgb, alpha: Alpha, frame: NeckFrame) -> NeckView:
    """Resample the neck into its own frame and take colour differences per sample."""
    unit = float(np.hypot(*frame.down))
    us, vs = _grid()
    uv = np.stack(np.meshgrid(us, vs), axis=-1).reshape(-1, 2)
    at = frame.place(uv).reshape(GRID_V, GRID_U, 2) - 0.5
    x0, y0 = np.floor(at.min(axis=(0, 1))).astype(int) - 4
    x1, y1 = np.ceil(at.max(axis=(0, 1))).astype(int) + 5
    x0, y0 = max(0, x0), max(0, y0)
    crop = to_lab(image[y0 : max(y0 + 1, y1), x0 : max(x0 + 1, x1)])
    crop = cv2.GaussianBlur(crop, (0, 0), max(0.7, unit / 110))
    maps = (at - np.array([x0, y0], np.float32)).astype(np.float32)
    lab = cv2.remap(crop, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cloth = cv2.remap(alpha, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
    gu = np.zeros_like(lab)
    gv = np.zeros_like(lab)
    # two samples apart to both sides; u and v samples are 1/60 of a half width and 1/111 of a width: nearly square
    gu[:, 2:-2] = lab[:, 4:] - lab[:, :-4]
    gv[2:-2] = lab[4:] - lab[:-4]
    return NeckView(gu=gu, gv=gv, cloth=cloth, unit=unit)


def curve(shape: Shape, count: int = CURVE) -> Float:
    """``(count, 2)`` u, v of a candidate, from left to right."""
    # denser near the ends, where ellipses turn upright
    t = np.cos(np.linspace(np.pi, 0.0, count)).astype(np.float32)
    u = t * shape.inset
    side = np.where(t < shape.tip, (shape.tip - t) / (1 + shape.tip), (t - shape.tip) / (1 - shape.tip))
    v = shape.depth * np.maximum(0.0, 1.0 - np.abs(side) ** shape.p) ** shape.q
    return np.stack([u, v], axis=1).astype(np.float32)


def candidates() -> list[Shape]:
    """All curves that are tried."""
    made = [Shape(float(d), p, q, i, 0.0) for d in DEPTHS if d < 1.2 for p, q in ROUND for i in INSETS]
    made += [
        Shape(float(d), p, q, i, tip)
        for d in DEPTHS
        if d > 0.16
        for p, q in POINTED
        for i in INSETS
        for tip in TIPS
    ]
    return made


def _sample(values: Float, curves: Float) -> Float:
    """Values ``(GRID_V, GRID_U[, C])`` at curve points ``(K, N, 2)``."""
    x = (curves[..., 0] - RANGE_U[0]) / (RANGE_U[1] - RANGE_U[0]) * (GRID_U - 1)
    y = (curves[..., 1] - RANGE_V[0]) / (RANGE_V[1] - RANGE_V[0]) * (GRID_V - 1)
    return cv2.remap(values, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)


def _evidence(view: NeckView, curves: Float) -> tuple[Float, Float]:
    """``(K,)`` share of each curve that lies on an edge running along it, and ``(K,)`` how far it gets lighter."""
    step = np.gradient(curves, axis=1)
    step = step * np.array([0.5, 1.0], np.float32)  # u is half a width, v a whole one
    length = np.maximum(np.hypot(step[..., 0], step[..., 1]), 1e-6)
    nu, nv = -step[..., 1] / length, step[..., 0] / length  # normal pointing down and outwards
    across = _sample(view.gu, curves) * nu[..., None] + _sample(view.gv, curves) * nv[..., None]
    weight = length / length.sum(axis=1, keepdims=True)
    seen = np.minimum(np.linalg.norm(across, axis=-1) / CLEAR_STEP, 1.0)
    lighter = np.clip(across[..., 0] / CLEAR_STEP, -1.0, 1.0)
    # on the outer silhouette any curve finds an edge: that speaks little for a front edge
    above = _sample(view.cloth, curves - 0.045 * np.stack([2 * nu, nv], axis=-1))
    own = weight * np.where(above > 0.5, 1.0, OUTER)
    return (seen * own).sum(axis=1), (lighter * own).sum(axis=1)


def _see_through_missed(view: NeckView, curves: Float) -> Float:
    """``(K,)`` depth of see-through neck below each curve, in units of the neck's width, mean over the columns."""
    us, vs = _grid()
    inside = np.abs(us) < 0.85
    empty = (view.cloth < 0.5) & (vs[:, None] > 0.02)
    # only what is open from the top: a hole lower down is not the neck
    open_down = np.logical_and.accumulate(empty | (vs[:, None] <= 0.02), axis=0) & empty
    bottom = np.where(open_down.any(axis=0), vs[GRID_V - 1 - open_down[::-1].argmax(axis=0)], 0.0)
    missed = np.empty(len(curves), np.float32)
    for k, points in enumerate(curves):
        reach = np.interp(us[inside], points[:, 0], points[:, 1])
        missed[k] = np.maximum(0.0, bottom[inside] - reach).mean()
    return missed


def _score(view: NeckView, shapes: list[Shape]) -> tuple[NDArray[np.float64], Float, Float]:
    """Scores, edge evidence and curves of all candidates."""
    curves = np.stack([curve(shape) for shape in shapes])
    seen, lighter = _evidence(view, curves)
    depth = np.array([shape.depth for shape in shapes])
    usual = 0.10 * np.abs(np.log(depth / USUAL_DEPTH)) ** 1.5
    odd = np.array([0.04 * (shape.inset < 0.9) + 0.25 * abs(shape.tip) for shape in shapes])
    score = seen + 0.25 * lighter - usual - odd - 8.0 * _see_through_missed(view, curves)
    return score.astype(np.float64), seen, curves


def _polish(view: NeckView, shape: Shape) -> Shape:
    """Small changes of depth, width and tip as long as the evidence grows."""
    steps = (0.01, 0.02, 0.03)
    for _ in range(4):
        tries = [shape]
        for d in (-steps[0], 0.0, steps[0]):
            for i in (-steps[1], 0.0, steps[1]):
                for t in (-steps[2], 0.0, steps[2]):
                    inset = float(np.clip(shape.inset + i, 0.78, 1.0))
                    tries.append(
                        shape._replace(depth=max(0.05, shape.depth + d), inset=inset, tip=shape.tip + t)
                    )
        score, _, _ = _score(view, tries)
        best = tries[int(score.argmax())]
        if best == shape:
            break
        shape = best
    return shape


def _kind(shape: Shape, raised: bool, landmarks: GarmentLandmarks, see_through: float) -> CollarKind:
    width = landmarks.neck.right[0] - landmarks.neck.left[0]
    shoulders = landmarks.shoulder.right[0] - landmarks.shoulder.left[0]
    strap = (shoulders - width) / 2
    if landmarks.sleeves is None and see_through > 0.15 and strap < 0.16 * shoulders:
        return "straps"
    pointed = (shape.p, shape.q) in POINTED
    if raised:
        return "collared"
    if pointed and shape.depth > 0.3:
        return "v"
    if shape.depth < 0.2 and width > 0.42 * shoulders:
        return "boat"
    return "crew" if shape.depth < 0.46 else "scoop"


def find_collar(
    image: Rgb, alpha: Alpha, landmarks: GarmentLandmarks, collar_base: Sides[tuple[float, float]]
) -> Collar:
    """Fit the front edge of the neck opening of a top.

    ``image`` ``uint8 (H, W, 3)`` and ``alpha`` ``(H, W)`` are the garment's frame; ``collar_base`` are the points
    where the shoulder line meets the collar (equal to the neck points unless the collar stands up).
    """
    frame = neck_frame(landmarks.neck.left, landmarks.neck.right)
    view = rectify(image, alpha, frame)
    shapes = candidates()
    score, seen, curves = _score(view, shapes)
    order = np.argsort(-score)
    first = int(order[0])
    apart = np.abs(curves[..., 1] - curves[first][:, 1]).mean(axis=1) > SAME
    second = float(score[apart].max()) if apart.any() else 0.0
    shape = _polish(view, shapes[first])
    front = frame.place(curve(shape, 81))
    rise = min(
        collar_base.left[1] - landmarks.neck.left[1], collar_base.right[1] - landmarks.neck.right[1]
    ) / max(1.0, view.unit)
    middle = view.cloth[(GRID_V * 3) // 18 : (GRID_V * 5) // 18, GRID_U // 2 - 8 : GRID_U // 2 + 9]
    see_through = 1.0 - float(middle.mean())
    margin = float(np.clip((score[first] - second) / 0.12, 0.0, 1.0))
    confidence = float(np.clip(seen[first], 0, 1)) ** 0.5 * (0.45 + 0.55 * margin)
    return Collar(
        kind=_kind(shape, rise > 0.12, landmarks, see_through),
        front=front,
        opening=opening_mask(front, frame, alpha.shape),
        confidence=float(np.clip(confidence, 0.0, 1.0)),
    )


def opening_mask(front: Points, frame: NeckFrame, shape: tuple[int, ...]) -> Alpha:
    """``(H, W)``: everything above the front edge between its ends, anti-aliased along the edge."""
    up = 0.6 * np.array(frame.down, np.float32)
    polygon = np.concatenate([front, [front[-1] - up], [front[0] - up]])
    shift = 4
    mask = np.zeros(shape[:2], np.uint8)
    fixed = np.round((polygon - 0.5) * 2**shift).astype(np.int32).reshape(-1, 1, 2)
    cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_AA, shift=shift)
    return mask.astype(np.float32) / 255.0
