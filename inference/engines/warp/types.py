"""What the stages of ``warp`` hand to each other. Sides are the viewer's, coordinates the person's frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatRgb
from preprocess.types import Alpha, Garment, Notice, Person, Points, Sides

T = TypeVar("T")


class Step(Protocol):
    """Does one named stage of the work, unless the request was cancelled (raises ``Stopped`` then)."""

    def __call__(self, stage: str, work: Callable[[], T]) -> T: ...


Vec = NDArray[np.float64]
"""``float64 (2,)`` point or direction ``x, y``."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Joints of the arm on one side of the picture."""

    shoulder: Vec
    elbow: Vec
    wrist: Vec
    hand: Vec
    """Base of the fingers."""
    visible: float
    """0..1 visibility of the wrist."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """Measures of the person, made once from pose, matte and parsing."""

    arms: Sides[Arm]
    shoulder_mid: Vec
    hip_mid: Vec
    up: Vec
    """Unit vector from the hips to the shoulders."""
    across: Vec
    """Unit vector towards the right of the picture, at right angles to ``up``."""
    shoulder_width: float
    """The yardstick: distance of the shoulder joints in pixels; on turned bodies a share of the torso."""
    torso_length: float
    """Shoulder line to hip line in pixels."""
    acromion: Sides[Vec]
    """Top of the shoulder on the silhouette."""
    neck_base: Sides[Vec]
    """Where neck and shoulder slope meet on the silhouette."""
    chin: Vec
    waist: float
    """As in ``Person.waist``."""
    back_view: bool


@dataclass(frozen=True, kw_only=True)
class SleeveLayer:
    """One warped sleeve."""

    rgb: FloatRgb
    alpha: Alpha
    across: Alpha
    """-1 on the outer edge .. 1 on the inner edge, for shading; 0 outside."""
    reach: float
    """How much of the arm it covers: 0 = shoulder, about .5 = elbow, 1 = wrist."""
    opacity: Alpha | None = None
    """How far see-through cloth hides the arm; None where all of it does."""


@dataclass(frozen=True, kw_only=True)
class PrintStretch:
    """How much farther a map draws a print one way than the other; 1 = undistorted, or no print."""

    whole: float
    """The print as a whole: of the mean of the map's derivatives over it; 1 of patterns all over."""
    local: float
    """Where it is worst, patterns included."""


@dataclass(frozen=True, kw_only=True)
class WarpedGarment:
    """The garment laid onto the body, before anything covers it and before lighting."""

    rgb: FloatRgb
    """Torso part, product colours, bled past its edge so that edges carry no product background."""
    alpha: Alpha
    """Torso part, the neck opening already cut out."""
    sleeves: Sides[SleeveLayer] | None
    neckline: Points
    """Front edge of the collar, left to right."""
    opening: Alpha
    """Region between neckline and neck where the person's own skin shows."""
    tucked: bool
    """The lower clothes lie over the hem."""
    hem: float
    """Where the hem ends on the spine: 0 = shoulder line, 1 = hip line."""
    stretch: float
    """Largest local ratio of the warp's two axes over the torso, 1 = undistorted."""
    print_stretch: PrintStretch
    measured: float
    """0..1: share of the body's outline that was seen rather than assumed."""
    ease: float
    """Garment's chest width over the body's, after scaling by the shoulders."""
    opacity: Alpha | None = None
    """Torso part: how far see-through cloth hides the skin; None where all of it does."""


@dataclass(frozen=True, kw_only=True)
class TriedOn:
    """A person with one garment put on."""

    person: Person
    """Dressed in it: image, matte, parsing and waist follow, for the garment that goes over it."""
    alpha: Alpha
    """``(H, W)`` of the person's frame; 0 = the pixel is as it was before."""
    confidence: float
    """0..1, of this garment alone."""
    notices: tuple[Notice, ...]
    measures: Mapping[str, float] = field(default_factory=dict)
    """What the confidence was judged from, by name."""


class PutOn(Protocol):
    """Puts one garment on a person, in :data:`STAGES` steps; what each category of garment has one of."""

    def __call__(self, person: Person, garment: Garment, step: Step) -> TriedOn: ...


STAGES = ("measure", "lay", "compose")
"""Of every garment."""
