"""Where hair ends: a collar or a shadow under a chin is no hair, tips that lie on a shoulder are."""

from __future__ import annotations

import cv2
import numpy as np

from preprocess.parsing.colour import Codes, palette
from preprocess.parsing.filters import dilate, erode
from preprocess.parsing.layout import Layout
from preprocess.parsing.regions import HAIR, SKIN, UPPER, Appearance, Region
from preprocess.parsing.surfaces import Parsed, Surfaces
from preprocess.types import Alpha

MOUTH = 0.5
"""On the face's axis (0 = its centre, 1 = the chin): hair that hangs on a head begins above it."""
BEARD = 0.8
"""Mean height down to which a piece of hair apart from the head's is a beard."""
THROAT = 0.2
"""Half face heights to both sides of the face's middle that a collar reaches at least."""
LEAST_SEEN = 200
"""Fewer pixels of hair beside and above the face say nothing about its colour."""
LINE = 0.02
"""Shoulder widths: half the width of dark lines, like the edge of a collar, that touch hair and are none."""
LOWEST_TIP = 0.6
"""Shoulder widths below the shoulders down to which tips of hair are looked for."""
LEAST_HAIR = 0.35
"""Likelihood of hair colour from which a pixel that hangs together with hair may be its tip."""


def hairline(parsed: Parsed, codes: Codes, layout: Layout, person: Region) -> Surfaces:
    """The surfaces of ``parsed`` with second thoughts about hair, where a face shows what hangs on it."""
    if not layout.face_visible:
        return parsed.surface
    surface = _without_pieces(parsed, layout, person)
    head = person & (surface == HAIR) & (layout.head_y < MOUTH)
    if head.sum() < LEAST_SEEN:
        return surface
    like_hair = palette(codes, head).likelihood(codes)
    return _tips(surface, like_hair, _like_own(surface, parsed.appearance, codes), layout, person)


def _without_pieces(parsed: Parsed, layout: Layout, person: Region) -> Surfaces:
    """Hair below the chin that does not hang on the head's is bare neck or, where it passes in front of the
    throat, a collar. The rest stays: the shadow beside a jaw is kept in the picture like hair."""
    hair = person & (parsed.surface == HAIR)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(hair.astype(np.uint8), connectivity=4)
    height = np.bincount(pieces.ravel(), weights=layout.head_y.ravel()) / stats[:, cv2.CC_STAT_AREA]
    top = np.full(len(stats), np.inf)
    np.minimum.at(top, pieces.ravel(), layout.head_y.ravel())
    loose = (top > MOUTH) & (height > BEARD)
    loose[0] = False
    stray = loose[pieces]
    on_left, on_right = np.zeros((2, len(stats)), np.bool_)
    on_left[pieces[layout.head_x < -THROAT]], on_right[pieces[layout.head_x > THROAT]] = True, True
    skin = parsed.membership[..., SKIN] > parsed.membership[..., UPPER]
    surface = np.where(stray & (on_left & on_right)[pieces] & ~skin, UPPER, parsed.surface)
    return np.where(stray & skin, SKIN, surface)


def _tips(surface: Surfaces, like_hair: Alpha, like_own: Alpha, layout: Layout, person: Region) -> Surfaces:
    """What has the hair's colour more than its own label's and hangs together with hair is hair."""
    hair = person & (surface == HAIR)
    tip = person & (layout.head_y > 1.0) & (layout.along < LOWEST_TIP)
    tip &= ((surface == SKIN) | (surface == UPPER)) & (like_hair > LEAST_HAIR) & (like_own < 0.5 * like_hair)
    size = 2 * max(1, round(LINE * layout.shoulder_width)) + 1
    tip &= dilate(erode(hair | tip, size), size)
    _, pieces = cv2.connectedComponents((hair | tip).astype(np.uint8), connectivity=4)
    hanging = np.zeros(int(pieces.max()) + 1, np.bool_)
    hanging[np.unique(pieces[hair])] = True
    return np.where(tip & hanging[pieces], HAIR, surface)


def _like_own(surface: Surfaces, looks: Appearance, codes: Codes) -> Alpha:
    """Likelihood of each pixel's colour in its own label, skin or upper; 1 for the others."""
    own = np.where(surface == SKIN, looks.skin.likelihood(codes), np.float32(1.0))
    if looks.upper is not None:
        own = np.where(surface == UPPER, looks.upper.likelihood(codes), own)
    return np.asarray(own, np.float32)
