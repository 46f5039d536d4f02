"""Which pixels of somebody's clothes are cloth: what has the wearer's colours instead does not go along."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.silhouette import disc, main_pieces, morph, touching
from preprocess.parsing.colour import palette, quantise, to_lab
from preprocess.types import Alpha, Person

__all__ = ["cloth_only", "without_threads"]

Bool = NDArray[np.bool_]

SKIN = ("face", "neck", "left_arm", "right_arm", "hands", "legs")
DEEP = 0.22
"""Rests of the wearer lie no deeper than this within the outline, in units; farther in are prints."""
GAP = 0.05
"""The same for background: it shows in slits between body and arm."""
CORE = 0.07
"""Cloth this far from the outline, in units, shows the garment's colours."""
RIVAL_CORE = 0.02
LEAST = 300
"""Fewest pixels that tell the colours of something."""
CLEARLY = 4.0
"""How many times likelier than cloth something else must be."""
LIKELY = 0.04
"""... and how likely at all: colours that are usual in a region have 1."""
SHADES = 2.0
"""Smoothing of the others' palettes, in bins: limbs are shaded most where they touch cloth."""
ALIKE = 0.06
"""Share of colours in common from which on colours do not tell the garment from something."""
AROUND = 0.012
"""Likelihoods are means over squares of this size, in units."""
THREAD = 0.03
"""Half the width of what is cut loose with them, in units: fringes."""


def cloth_only(person: Person, own: Alpha, unit: float, others: tuple[str, ...]) -> Alpha:
    """``own``, the matte of the garment's labels, without rims of skin, hair and ``others`` (labels of other
    clothes): pixels near the outline whose colours are theirs rather than the garment's."""
    solid = own > 0.5
    depth = _depth(solid)
    inner = depth > CORE * unit
    if inner.sum() < LEAST:
        return own
    codes = quantise(to_lab(person.image))
    size = 2 * max(1, round(AROUND * unit)) + 1
    garment = palette(codes, inner)
    cloth = cv2.blur(garment.likelihood(codes), (size, size))
    foreign = np.zeros_like(solid)
    for names in (SKIN, ("hair",), ("background",), *((name,) for name in others)):
        region = person.parsing.region(*names)
        core = _depth(region) > RIVAL_CORE * unit
        if core.sum() < LEAST or palette(codes, core).overlap(garment) > ALIKE:
            continue
        rival = cv2.blur(palette(codes, core, SHADES).likelihood(codes), (size, size))
        slits = names == ("background",)
        theirs = (rival > LIKELY) & (rival > CLEARLY * cloth) & solid
        theirs &= depth <= (GAP if slits else DEEP) * unit
        beyond = cv2.dilate((~solid if slits else region).astype(np.uint8), disc(2)) > 0
        # skin goes on in skin, a tape does not
        foreign |= touching(morph(theirs, cv2.MORPH_OPEN, 1.0), beyond)
    kept = solid & ~foreign
    kept = main_pieces(without_threads(kept, THREAD * unit), 0.15) & kept
    soft = cv2.dilate(kept.astype(np.uint8), disc(2)) > 0
    blurred = cv2.GaussianBlur(kept.astype(np.float32), (0, 0), 1.0)
    return np.where(soft, np.minimum(own, np.where(solid & ~kept, blurred, 1.0)), 0.0).astype(np.float32)


def without_threads(cloth: Bool, half_width: float) -> Bool:
    """Cloth without what is thinner than twice ``half_width``, in pixels; gaps as thin, such as a tape that
    was not taken for cloth, make no thread of what is beside them."""
    return morph(morph(cloth, cv2.MORPH_CLOSE, half_width), cv2.MORPH_OPEN, half_width)


def _depth(mask: Bool) -> Alpha:
    """``(H, W)`` distance of each pixel of a mask from its outline; 0 outside."""
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3), np.float32)
