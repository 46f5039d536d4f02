"""The neck of a top, resampled into its own frame, and what the collar fit reads from it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.backdrop import magnitude, to_lab
from preprocess.types import Alpha, Points, Rgb

Float = NDArray[np.float32]

GRID_U, GRID_V = 145, 300
"""Samples of the rectified neck picture: about 1/60 of the neck's half width and 1/111 of its width, nearly
square."""
LEFT_TO = -1.2
"""u of the first column; the last one is its mirror image."""
DOWN_TO = (-0.3, 2.4)
"""v of the first and last row: deep cardigans reach 2.2."""
CLEAR = (2.5, 9.0)
"""Bounds, Lab units over four samples, of what counts as a clear edge; dark cloth shows only faint ones."""
UPPER = 0.45
"""Depth down to which the clearest edges of the cloth are looked for: ordinary collars end above."""
LABEL_ZONE = (0.02, 0.42)
"""Depths between which neck labels hang."""


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
    """The rectified neck; arrays ``(GRID_V, GRID_U[, 3])``."""

    lab: Float
    gu: Float
    """Colour change over four samples along u."""
    gv: Float
    """... and along v."""
    cloth: Float
    """Matte of the garment."""
    clear: float
    """Colour change from which an edge counts as fully seen in this picture."""
    label_above: Float
    """Amount of label-like marks at and below each place, 0..: upright edges in the middle, where labels
    hang."""


def neck_frame(left: tuple[float, float], right: tuple[float, float]) -> NeckFrame:
    """Frame spanned by the two neck points."""
    half = ((right[0] - left[0]) / 2, (right[1] - left[1]) / 2)
    middle = ((right[0] + left[0]) / 2, (right[1] + left[1]) / 2)
    return NeckFrame(origin=middle, along=half, down=(-2 * half[1], 2 * half[0]))


def grid() -> tuple[Float, Float]:
    """u of the columns and v of the rows."""
    return (
        np.linspace(LEFT_TO, -LEFT_TO, GRID_U, dtype=np.float32),
        np.linspace(*DOWN_TO, GRID_V, dtype=np.float32),
    )


def rectify(image: Rgb, alpha: Alpha, frame: NeckFrame) -> NeckView:
    """Resample the neck into its own frame and take colour differences per sample."""
    unit = float(np.hypot(*frame.down))
    us, vs = grid()
    uv = np.stack(np.meshgrid(us, vs), axis=-1).reshape(-1, 2)
    at = (frame.place(uv) - 0.5).reshape(GRID_V, GRID_U, 2)
    x0, y0 = np.maximum(np.floor(at.min(axis=(0, 1))).astype(int) - 4, 0)
    x1, y1 = np.ceil(at.max(axis=(0, 1))).astype(int) + 5
    crop = to_lab(image[y0 : max(y0 + 1, y1), x0 : max(x0 + 1, x1)])
    crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), max(0.7, unit / 110)), np.float32)
    maps = (at - np.array([x0, y0])).astype(np.float32)
    lab = np.asarray(
        cv2.remap(crop, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )
    at = at.astype(np.float32)
    cloth = np.asarray(cv2.remap(alpha, at[..., 0], at[..., 1], cv2.INTER_LINEAR), np.float32)
    gu, gv = np.zeros_like(lab), np.zeros_like(lab)
    gu[:, 2:-2] = lab[:, 4:] - lab[:, :-4]
    gv[2:-2] = lab[4:] - lab[:-4]
    clear = _clear_step(gu, gv, cloth)
    return NeckView(lab=lab, gu=gu, gv=gv, cloth=cloth, clear=clear, label_above=_label_marks(gu, gv, clear))


def _clear_step(gu: Float, gv: Float, cloth: Float) -> float:
    """Colour change of the upper cloth's strongest edges, taken column by column: a label or a print fills a
    few columns with strong edges, the collar crosses them all."""
    us, vs = grid()
    steps = np.hypot(magnitude(gu), magnitude(gv))
    inside = np.asarray(cv2.erode(cloth, np.ones((9, 9), np.uint8))) > 0.9
    zone = steps[(vs > 0.02) & (vs < UPPER)][:, np.abs(us) < 1.0]
    within = inside[(vs > 0.02) & (vs < UPPER)][:, np.abs(us) < 1.0]
    enough = within.sum(axis=0) > 0.3 * len(within)
    if not enough.any():
        return CLEAR[1]
    strongest = np.nanpercentile(np.where(within, zone, np.nan)[:, enough], 88, axis=0)
    return float(np.clip(np.percentile(strongest, 35), *CLEAR))


def _label_marks(gu: Float, gv: Float, clear: float) -> Float:
    """For each place the amount of upright edges below it within the label zone, per column of the zone."""
    us, vs = grid()
    upright = magnitude(gu) - 0.7 * magnitude(gv)
    marks = np.clip(upright / max(clear, 5.0), 0.0, 1.0)
    marks[(vs < LABEL_ZONE[0]) | (vs > LABEL_ZONE[1])] = 0.0
    spread = np.asarray(cv2.blur(marks, (25, 1)), np.float32)  # a label's two sides speak for all its columns
    spread[:, np.abs(us) > 0.5] = 0.0
    rows_of_a_label = 9.0
    return (np.cumsum(spread[::-1], axis=0)[::-1] * 25 / (8 * rows_of_a_label)).astype(np.float32)


def sample(values: Float, points: Float) -> Float:
    """Values ``(GRID_V, GRID_U[, C])`` at u, v points ``(K, N, 2)``."""
    x = (points[..., 0] - LEFT_TO) / (-2 * LEFT_TO) * (GRID_U - 1)
    y = (points[..., 1] - DOWN_TO[0]) / (DOWN_TO[1] - DOWN_TO[0]) * (GRID_V - 1)
    return np.asarray(
        cv2.remap(values, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR), np.float32
    )


def see_through_depth(view: NeckView, u: Float) -> Float:
    """Depth v down to which the neck is open to the background in the columns ``u``; 0 where cloth begins
    at once.

    Only what is open from the top counts: a hole lower down is not the neck.
    """
    us, vs = grid()
    head = vs <= 0.02
    open_down = np.logical_and.accumulate((view.cloth < 0.5) | head[:, None], axis=0) & ~head[:, None]
    bottom = np.where(open_down.any(axis=0), vs[GRID_V - 1 - open_down[::-1].argmax(axis=0)], 0.0)
    return np.interp(u, us, bottom).astype(np.float32)
