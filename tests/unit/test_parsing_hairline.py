"""Where hair ends: what hangs on the head, and what only has its colour."""

from __future__ import annotations

import numpy as np

from preprocess.parsing.colour import palette, quantise, to_lab
from preprocess.parsing.hairline import hairline
from preprocess.parsing.layout import Layout, layout
from preprocess.parsing.regions import HAIR, LOWER, SKIN, UPPER, Appearance
from preprocess.parsing.skin import skin_model
from preprocess.parsing.surfaces import Parsed, Surfaces
from tests.unit.test_parsing_stages import WALL, standing

SHAPE = (240, 160)
COLOURS = {SKIN: (205, 160, 140), UPPER: (60, 90, 180), LOWER: (40, 40, 45), HAIR: (70, 45, 25)}


def figure() -> tuple[Surfaces, Layout]:
    """Skin of face and neck, a top from the shoulders down, bottoms, hair above and beside the face."""
    pose, face = standing(SHAPE)
    fields = layout(pose, face, SHAPE, 1.0)
    surface = np.full(SHAPE, SKIN)
    surface[58:140], surface[140:] = UPPER, LOWER
    surface[5:20, 60:100] = HAIR
    surface[5:50, 58:68] = HAIR
    return surface, fields


def decided(seen: Surfaces, taken: Surfaces, fields: Layout) -> Surfaces:
    """Second thoughts about ``taken`` where the photo shows ``seen``."""
    image = np.full((*SHAPE, 3), WALL, np.uint8)
    for kind, colour in COLOURS.items():
        image[seen == kind] = colour
    lab = to_lab(image)
    codes = quantise(lab)
    person = np.zeros(SHAPE, bool)
    person[5:, 40:120] = True
    skin = skin_model(lab, codes, fields, person.astype(np.float32))
    looks = [palette(codes, person & (seen == kind)) for kind in (UPPER, LOWER, HAIR)]
    appearance = Appearance(skin=skin, upper=looks[0], lower=looks[1], hair=looks[2], shoes=None)
    membership = np.zeros((*SHAPE, 5), np.float32)
    membership[..., UPPER] = 0.3 * (seen == UPPER)
    membership[..., SKIN] = 0.2
    parsed = Parsed(surface=taken, membership=membership, appearance=appearance)
    return hairline(parsed, codes, fields, person)


def test_a_collar_below_the_chin_is_no_hair_and_a_beard_is() -> None:
    seen, fields = figure()
    seen[48:58, 72:100] = UPPER
    taken = seen.copy()
    taken[48:58, 72:100] = HAIR  # the collar, as dark as hair in the shadow of the chin
    taken[38:44, 74:86] = HAIR  # the beard
    found = decided(seen, taken, fields)
    assert (found[48:58, 72:100] == UPPER).all()
    assert (found[38:44, 74:86] == HAIR).all()


def test_a_shadow_beside_the_jaw_stays_what_is_kept() -> None:
    seen, fields = figure()
    seen[48:58, 86:100] = UPPER
    taken = seen.copy()
    taken[48:58, 86:100] = HAIR
    assert (decided(seen, taken, fields)[48:58, 86:100] == HAIR).all()


def test_tips_on_the_shoulder_are_hair_where_they_hang_together_with_it() -> None:
    seen, fields = figure()
    seen[50:80, 58:68] = HAIR  # falls over the shoulder
    seen[66:74, 90:100] = HAIR  # a print of that colour
    taken, _ = figure()
    found = decided(seen, taken, fields)
    assert (found[50:78, 58:68] == HAIR).all()  # corners are rounded
    assert (found[66:74, 90:100] == UPPER).all()


def test_a_dark_line_that_touches_hair_is_no_tip() -> None:
    seen, fields = figure()
    seen[58, 60:110] = HAIR
    taken, _ = figure()
    found = decided(seen, taken, fields)
    assert (found[58, 72:110] == UPPER).all()
