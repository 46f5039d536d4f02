"""What a provider of body artefacts answers, whichever models stand behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from preprocess.types import Alpha, Points, Rgb


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One person found in a picture, in pixels of that picture."""

    score: float
    """0..1."""
    hip: tuple[float, float]
    """Middle of the hips, the centre of the circle around the whole body."""
    reach: tuple[float, float]
    """A point on that circle, in the direction of the head."""

    @property
    def radius(self) -> float:
        """Radius of the circle around the whole body, pixels."""
        return float(np.hypot(self.reach[0] - self.hip[0], self.reach[1] - self.hip[1]))

    def moved(self, dx: float, dy: float) -> Detection:
        """The same person in a picture that begins ``dx`` to the left of this one and ``dy`` above it."""
        hip, reach = ((x + dx, y + dy) for x, y in (self.hip, self.reach))
        return Detection(score=self.score, hip=hip, reach=reach)


@dataclass(frozen=True, kw_only=True)
class BodyEstimate:
    """The body of one detection, in pixels of the picture it was asked for."""

    points: Points
    """``(33, 2)`` BlazePose landmarks; may lie outside the picture."""
    depth: NDArray[np.float32]
    """``(33,)`` pixels relative to the hips, negative = nearer to the camera."""
    visibility: NDArray[np.float32]
    """``(33,)`` 0..1."""
    score: float
    """0..1: is there a person in the region that was looked at, as two models agree."""
    segmentation: Alpha
    """``(H, W)`` 0..1, this person; low resolution, edges are soft."""
    refined: Detection
    """Where the person is according to the landmarks: a better start for the next look."""


class BodyProvider(Protocol):
    """Finds people and estimates their bodies; safe to call from several threads."""

    def find_people(self, rgb: Rgb, *, closely: bool = True) -> list[Detection]:
        """People in ``uint8 (H, W, 3)``, best score first; empty when there is nobody.

        Not ``closely``: small figures do not matter, which costs less where there is nobody.
        """
        ...

    def estimate(self, rgb: Rgb, detection: Detection) -> BodyEstimate:
        """Landmarks and segmentation of one of them."""
        ...
