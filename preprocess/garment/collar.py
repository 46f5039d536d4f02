"""The neck opening of a top: one parametric curve for the collar's front edge, chosen by edge evidence."""

from __future__ import annotations

import cv2
import numpy as np

from preprocess.garment.backdrop import Bool
from preprocess.garment.curves import COLUMNS, Curves, Shape, candidates, curve, lay_out
from preprocess.garment.evidence import LABEL_COST, USUAL_DEPTH, Scores, weigh
from preprocess.garment.neckview import CLEAR, NeckFrame, NeckView, neck_frame, rectify, see_through_depth
from preprocess.types import Alpha, Collar, CollarKind, GarmentLandmarks, Points, Rgb

DOUBTFUL = 0.45
"""Scores below this are chance: then an ordinary crew neck that takes the label along is assumed."""
BUSY = 0.3
"""Median worth of all candidates above which the cloth's print offers edges everywhere: scores must exceed
``DOUBTFUL`` by as much."""
ORDINARY = (0.2, 0.62)
"""Depths of ordinary crew necks."""
LABEL_LEFT = 0.05
"""Share of the label that may stay below it: more is not taken along."""
PRIOR, BUSY_PRIOR = 0.3, 1.5
"""What a depth unlike the usual one costs then, per unit of depth; the same on busy prints, see
:func:`_shallow`."""
FACING = 0.12
"""Height, in v, of the inner back that shows above a high front."""
RIB = (0.04, 0.11)
"""Mean distance, in v, between the two edges of a collar's rib."""
RIB_SEEN = 0.6
"""Worth from which a rib's upper edge counts as seen."""
SAME = 0.07
"""Curves closer than this (mean difference in v) are the same hypothesis."""
OPEN = 0.15
"""Depth v from which a neck counts as open to the background."""
OPEN_MISS = 0.03
"""Mean distance, in v, between curve and visible neckline that costs most of the trust."""


def _pointed(curves: Curves) -> Bool:
    return np.array([shape.pointed for shape in curves.shapes])


def _ordinary(curves: Curves, scores: Scores) -> int | None:
    """The likeliest ordinary crew neck, for pictures that show no front edge."""
    depth = np.array([shape.depth for shape in curves.shapes])
    allowed = (depth > ORDINARY[0]) & (depth < ORDINARY[1]) & ~_pointed(curves) & (scores.label < LABEL_LEFT)
    if not allowed.any():
        return None
    return int(np.where(allowed, scores.total - PRIOR * np.abs(depth - USUAL_DEPTH), -np.inf).argmax())


def _shallow(view: NeckView, curves: Curves, scores: Scores) -> int:
    """The likeliest high neckline, for busy prints, which show edges and label-like marks everywhere: cloth
    lost below a curve that is too deep is worse than an inner back that stays."""
    depth = np.array([shape.depth for shape in curves.shapes])
    expected = float(np.median(see_through_depth(view, COLUMNS))) + FACING
    return int(np.argmax(scores.total + LABEL_COST * scores.label - BUSY_PRIOR * np.abs(depth - expected)))


def _upper_edge(curves: Curves, scores: Scores, first: int) -> int | None:
    """A rib in another colour has two strong edges, the upper one is the front edge: it, if it is no
    weaker."""
    higher = (curves.points[first][:, 1] - curves.points[..., 1]).mean(axis=1)
    bend = np.array([(shape.p, shape.q, shape.tip) for shape in curves.shapes])
    upper = (higher > RIB[0]) & (higher < RIB[1]) & (bend == bend[first]).all(axis=1)
    upper &= (scores.worth > max(RIB_SEEN, scores.worth[first])) & (scores.label < LABEL_LEFT)
    return int(np.where(upper, scores.worth, -np.inf).argmax()) if upper.any() else None


def _choose(view: NeckView, curves: Curves, scores: Scores) -> int:
    """Index of the best candidate, after corrections from what collars are like.

    The best curve of each family is refined before the two are compared: a V misses its edges by more than an
    arc does when depth or tip are only roughly right.
    """
    pointed = _pointed(curves)
    families = [family for family in (pointed, ~pointed) if family.any()]
    best = [int(np.where(family, scores.total, -np.inf).argmax()) for family in families]
    # on dark plain cloth, too, faint edges seem to be everywhere
    chance = max(0.0, float(np.median(scores.worth)) - BUSY) * view.clear / CLEAR[1]
    if max(scores.total[best]) < DOUBTFUL:
        ordinary = _ordinary(curves, scores)
        return best[0] if ordinary is None else ordinary
    if max(scores.total[best]) < DOUBTFUL + chance:
        return _shallow(view, curves, scores)
    refined = [_refine(view, curves.shapes[index])[1] for index in best]
    first = best[int(np.argmax(refined))]
    upper = _upper_edge(curves, scores, first)
    return first if upper is None else upper


def _refine(view: NeckView, shape: Shape) -> tuple[Shape, float]:
    """Small changes of depth, width and tip as long as the score grows; the shape and its score."""
    total = -np.inf
    for _ in range(4):
        tries = tuple(
            shape._replace(
                depth=max(0.05, shape.depth + d),
                inset=float(np.clip(shape.inset + i, 0.7, 1.0)),
                tip=shape.tip + t,
            )
            for d in (0.0, -0.012, 0.012)
            for i in (0.0, -0.02, 0.02)
            for t in (0.0, -0.03, 0.03)
        )
        found = weigh(view, lay_out(tries)).total
        index = int(found.argmax())
        shape, total = tries[index], float(found[index])
        if index == 0:
            break
    return shape, total


def _kind(shape: Shape, collared: bool, landmarks: GarmentLandmarks, see_through: float) -> CollarKind:
    width = landmarks.neck.right[0] - landmarks.neck.left[0]
    shoulders = landmarks.shoulder.right[0] - landmarks.shoulder.left[0]
    strap = (shoulders - width) / 2
    if landmarks.sleeves is None and see_through > 0.15 and strap < 0.16 * shoulders:
        return "straps"
    if collared:
        return "collared"
    if shape.pointed and shape.depth > 0.3:
        return "v"
    if shape.depth < 0.25 and width > 0.5 * shoulders:
        return "boat"
    return "crew" if shape.depth < 0.5 else "scoop"


def _confidence(view: NeckView, curves: Curves, scores: Scores, first: int, shape: Shape) -> float:
    """0..1: does the curve lie on edges all along, and is no other curve as good."""
    apart = np.abs(curves.points[..., 1] - curves.points[first][:, 1]).mean(axis=1) > SAME
    second = float(scores.total[apart].max()) if apart.any() else 0.0
    margin = float(np.clip((scores.total[first] - second) / 0.15, 0.0, 1.0))
    seen = float(np.clip(scores.seen[first], 0.0, 1.0))
    # where the neck is open to the background, the curve should end where the cloth begins
    visible = see_through_depth(view, COLUMNS)
    opened = visible > OPEN
    agrees = 1.0
    if opened.mean() > 0.5:
        miss = np.abs(visible - lay_out((shape,)).across[0])[opened].mean()
        agrees = 0.4 + 0.6 * float(np.exp(-miss / OPEN_MISS))
    return float(np.clip(seen**0.5 * (0.4 + 0.6 * margin) * agrees, 0.0, 1.0))


def find_collar(image: Rgb, alpha: Alpha, landmarks: GarmentLandmarks, *, collared: bool) -> Collar:
    """Fit the front edge of the neck opening of a top.

    ``image`` ``uint8 (H, W, 3)`` and ``alpha`` ``(H, W)`` are the garment's frame; ``collared`` says that a
    collar stands above the shoulders: it stays, and the opening lies between its leaves.
    """
    frame = neck_frame(landmarks.neck.left, landmarks.neck.right)
    view = rectify(image, alpha, frame)
    curves = candidates(collared)
    scores = weigh(view, curves)
    first = _choose(view, curves, scores)
    shape, _ = _refine(view, curves.shapes[first])
    front = frame.place(curve(shape, 81))
    middle = np.linspace(-0.3, 0.3, 9, dtype=np.float32)
    see_through = float((see_through_depth(view, middle) > OPEN).mean())
    return Collar(
        kind=_kind(shape, collared, landmarks, see_through),
        front=front,
        opening=opening_mask(front, frame, alpha.shape),
        confidence=_confidence(view, curves, scores, first, shape),
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
