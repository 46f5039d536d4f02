"""What the network sees of a request, and how its picture goes back onto the photo."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.engines.base import EngineImage, Prepared
from inference.engines.idm_vton.canvas import (
    CanvasInputs,
    compose_inputs,
    garment_picture,
    to_image,
)
from inference.restore import restore
from preprocess.agnostic import agnostic_mask
from preprocess.densepose import PARTS, render
from preprocess.types import BASIC_LABELS, DensePose, Frame, Garment, Mask, Person, Photo, Rgb
from tests.unit.test_agnostic import mannequin
from tests.unit.test_geometry import smooth_photo

CANVAS = (192, 256)
PHOTOS = [(160, 200), (700, 220), (180, 900), (161, 203)]
"""The mannequin has 160x200 pixels; larger photos show more round it."""


def photo(rgb: Rgb) -> Photo:
    return Photo(rgb=rgb, sha256="", format="PNG")


def somebody(size: tuple[int, int] = (160, 200)) -> Person:
    """The mannequin somewhere in a larger photo, seen through a frame of its own."""
    person = mannequin()
    width, height = size
    frame = Frame(x0=(width - 160) // 2, y0=(height - 200) // 2, scale=1.0, width=160, height=200)
    placed = {"frame": frame}
    return dataclasses.replace(
        person,
        photo=photo(smooth_photo(width, height)),
        frame=frame,
        pose=dataclasses.replace(person.pose, **placed),
        matte=dataclasses.replace(person.matte, **placed),
        parsing=dataclasses.replace(person.parsing, **placed),
    )


def product(box: tuple[int, int, int, int], size: tuple[int, int] = (300, 300), **changes: object) -> Garment:
    """A blue rectangle (top, bottom, left, right) on grey."""
    width, height = size
    rgb = np.full((height, width, 3), 180, np.uint8)
    alpha = np.zeros((height, width), np.float32)
    rgb[box[0] : box[1], box[2] : box[3]] = (20, 40, 200)
    alpha[box[0] : box[1], box[2] : box[3]] = 1
    garment = Garment(
        photo=photo(rgb),
        frame=Frame.whole(width, height),
        image=rgb,
        alpha=alpha,
        category="upper",
        kind="flat",
        sleeve_length="short",
        landmarks=None,
        collar=None,
        cutout_confidence=0.9,
    )
    return dataclasses.replace(garment, **changes)


TALL = product((10, 290, 110, 190), category="dress")
WIDE = product((100, 200, 20, 280))


def prepared(person: Person, *garments: Garment, mask: Mask | None = None) -> Prepared:
    parts = np.where(person.matte.alpha > 0.5, 2, 0).astype(np.uint8)
    parts[person.parsing.region("face")] = 23
    masks = tuple(mask or agnostic_mask(person, garment.category) for garment in garments)
    dense = DensePose(tag="densepose-parts", frame=person.frame, parts=parts, approximate=True)
    return Prepared(person=person, garments=garments, agnostic=masks, densepose=dense)


def blue(inputs: CanvasInputs) -> Rgb:
    return np.full_like(inputs.person, (0, 40, 220))


def on_canvas(person: Person, inputs: CanvasInputs, *names: str) -> NDArray[np.bool_]:
    """Canvas pixels whose centre shows one of the labels."""
    y, x = np.mgrid[: CANVAS[1], : CANVAS[0]] + 0.5
    spots = np.stack([x.ravel(), y.ravel()], -1).astype(np.float32)
    at = np.floor(person.frame.from_photo(inputs.frame.to_photo(spots))).astype(int)
    ok = (at >= 0).all(1) & (at[:, 0] < person.frame.width) & (at[:, 1] < person.frame.height)
    labels = np.zeros(len(at), np.uint8)
    labels[ok] = person.parsing.labels[at[ok, 1], at[ok, 0]]
    return np.isin(labels, [BASIC_LABELS.index(name) for name in names]).reshape(CANVAS[1], CANVAS[0])


@pytest.mark.parametrize("size", PHOTOS)
def test_everything_has_exactly_the_size_of_the_canvas(size: tuple[int, int]) -> None:
    inputs = compose_inputs(prepared(somebody(size), WIDE), 0, CANVAS)
    assert (inputs.frame.width, inputs.frame.height) == CANVAS
    for picture in (inputs.person, inputs.pose, inputs.garment, inputs.clip):
        assert (picture.shape, picture.dtype) == ((CANVAS[1], CANVAS[0], 3), np.uint8)
    assert (inputs.mask.shape, inputs.mask.dtype) == ((CANVAS[1], CANVAS[0]), np.bool_)
    assert (inputs.alpha.shape, inputs.alpha.dtype) == ((CANVAS[1], CANVAS[0]), np.float32)


@pytest.mark.parametrize("size", PHOTOS)
@pytest.mark.parametrize("category", ["upper", "lower", "dress"])
def test_the_person_fills_the_canvas_and_the_old_garment_is_hidden(
    size: tuple[int, int], category: str
) -> None:
    person = somebody(size)
    inputs = compose_inputs(prepared(person, dataclasses.replace(WIDE, category=category)), 0, CANVAS)
    old = {"upper": ["upper"], "lower": ["lower"], "dress": ["upper", "lower"]}[category]
    garment = on_canvas(person, inputs, *old)
    if category != "lower":
        assert inputs.mask[garment].all()
    assert inputs.mask[garment].mean() > 0.95
    inner_face = cv2.erode(on_canvas(person, inputs, "face").astype(np.uint8), np.ones((5, 5)), iterations=1)
    assert not inputs.mask[inner_face > 0].any()
    rows = np.flatnonzero(on_canvas(person, inputs, "hair", "shoes").any(axis=1))
    assert rows[-1] - rows[0] > 0.7 * CANVAS[1]


def test_the_person_is_not_stretched() -> None:
    person = somebody((700, 220))
    inputs = compose_inputs(prepared(person, WIDE), 0, CANVAS)
    upper = on_canvas(person, inputs, "upper")
    tall, broad = upper.any(axis=1).sum(), upper.any(axis=0).sum()
    assert broad / tall == pytest.approx(60 / 72, abs=0.03)


def test_beyond_the_photo_what_is_repeated_of_the_garment_is_hidden_too() -> None:
    person = mannequin()
    frame = Frame.whole(60, 200)
    cut = slice(50, 110)  # a photo as narrow as the torso
    person = dataclasses.replace(
        person,
        photo=photo(smooth_photo(60, 200)),
        frame=frame,
        image=person.image[:, cut],
        pose=dataclasses.replace(person.pose, frame=frame, points=person.pose.points - np.float32((50, 0))),
        matte=dataclasses.replace(person.matte, frame=frame, alpha=person.matte.alpha[:, cut]),
        parsing=dataclasses.replace(
            person.parsing,
            frame=frame,
            labels=person.parsing.labels[:, cut],
            soft=person.parsing.soft[:, cut],
        ),
    )
    inputs = compose_inputs(prepared(person, WIDE), 0, CANVAS)
    row = CANVAS[1] // 2
    assert inputs.frame.x0 < 0
    assert inputs.mask[row].all()
    assert inputs.alpha[row].min() == 1.0


def test_nothing_is_pasted_outside_the_mask() -> None:
    inputs = compose_inputs(prepared(somebody(), WIDE), 0, CANVAS)
    assert inputs.alpha[~inputs.mask].max() == 0.0
    assert inputs.alpha.max() == 1.0


def test_it_fades_in_over_the_background_but_not_over_the_old_clothes() -> None:
    person = somebody((400, 400))
    sleeves = person.parsing.region("left_arm", "right_arm")
    labels = np.where(sleeves, BASIC_LABELS.index("upper"), person.parsing.labels).astype(np.uint8)
    soft = np.eye(len(BASIC_LABELS), dtype=np.float16)[labels]
    parsing = dataclasses.replace(person.parsing, labels=labels, soft=soft)
    person = dataclasses.replace(person, parsing=parsing)
    hard = agnostic_mask(person, "upper")
    mask = dataclasses.replace(hard, alpha=(hard.alpha > 0.5).astype(np.float32))
    size = (768, 1024)
    inputs = compose_inputs(prepared(person, WIDE, mask=mask), 0, size)
    row = round((100 + 100 - inputs.frame.y0) * inputs.frame.scale)  # across both arms, 100 below the frame
    line = inputs.alpha[row]
    rise = np.flatnonzero(line > 0)[0], np.flatnonzero(line == 1)[0]
    assert 9 <= rise[1] - rise[0] <= 16  # the 64th part of the width, and the edge's own two pixels
    column = round((45 + 120 - inputs.frame.x0) * inputs.frame.scale)  # down the right arm to the hand
    wrist = round((140 + 100 - inputs.frame.y0) * inputs.frame.scale)
    down = inputs.alpha[wrist - 30 : wrist + 30, column]
    assert ((down > 0) & (down < 1)).sum() <= 8  # the mask's own soft edge, no fringe of old sleeve
    assert down[0] == 1
    assert down[-1] == 0


@pytest.mark.parametrize("size", PHOTOS)
def test_a_picture_equal_to_the_person_leaves_the_photo_as_it_was(size: tuple[int, int]) -> None:
    person = somebody(size)
    inputs = compose_inputs(prepared(person, WIDE), 0, CANVAS)
    restored = restore(person.photo, to_image(inputs, inputs.person))
    difference = np.abs(restored.rgb.astype(int) - person.photo.rgb)
    assert difference.max() <= 4
    assert difference[restored.mask == 0].max() == 0


@pytest.mark.parametrize("size", PHOTOS)
def test_any_picture_changes_the_inside_only(size: tuple[int, int]) -> None:
    person = somebody(size)
    inputs = compose_inputs(prepared(person, WIDE), 0, CANVAS)
    restored = restore(person.photo, to_image(inputs, blue(inputs)))
    assert np.array_equal(restored.rgb[restored.mask == 0], person.photo.rgb[restored.mask == 0])
    place = np.s_[int(person.frame.y0) :, int(person.frame.x0) :]
    middle = restored.rgb[place][95, 80]
    assert np.abs(middle.astype(int) - (0, 40, 220)).max() <= 1
    assert np.array_equal(restored.rgb[place][30, 80], person.photo.rgb[place][30, 80])


def both() -> Prepared:
    return prepared(somebody(), WIDE, dataclasses.replace(WIDE, category="lower"))


def test_the_second_garment_goes_on_from_the_first() -> None:
    first = compose_inputs(both(), 0, CANVAS)
    shirt = to_image(first, blue(first))
    second = compose_inputs(both(), 1, CANVAS, under=shirt)
    assert second.frame == first.frame
    solid = first.alpha == 1
    assert np.array_equal(second.person[solid], blue(first)[solid])
    assert np.array_equal(second.person[~first.mask], first.person[~first.mask])


def test_joined_pictures_are_what_pasting_one_after_the_other_gives() -> None:
    request = both()
    first = compose_inputs(request, 0, CANVAS)
    shirt = to_image(first, blue(first))
    second = compose_inputs(request, 1, CANVAS, under=shirt)
    trousers = np.full_like(first.person, (200, 180, 20))
    joined = to_image(second, trousers, under=shirt)
    assert np.array_equal(joined.alpha > 0, first.mask | second.mask)
    one = paste(first.person, shirt)
    expected = paste(one, to_image(second, trousers))
    assert np.abs(paste(first.person, joined) - expected).max() <= 1.0


def paste(under: NDArray[np.generic], image: EngineImage) -> NDArray[np.float64]:
    alpha = image.alpha[..., None].astype(float)
    return under * (1 - alpha) + image.rgb * alpha


def test_a_picture_of_another_canvas_is_refused() -> None:
    request = both()
    first = compose_inputs(request, 0, CANVAS)
    with pytest.raises(ValueError, match="canvas"):
        compose_inputs(request, 1, (96, 128), under=to_image(first, blue(first)))
    with pytest.raises(ValueError, match="shape"):
        to_image(first, np.zeros((4, 4, 3), np.uint8))


def test_a_dense_pose_is_needed() -> None:
    request = dataclasses.replace(prepared(somebody(), WIDE), densepose=None)
    with pytest.raises(ValueError, match="densepose-rgb"):
        compose_inputs(request, 0, CANVAS)


def test_the_pose_has_the_colours_of_parts_and_no_others() -> None:
    person = somebody((700, 220))
    inputs = compose_inputs(prepared(person, WIDE), 0, CANVAS)
    parts = np.arange(len(PARTS), dtype=np.uint8)[None]
    palette = render(DensePose(tag="densepose-parts", frame=person.frame, parts=parts, approximate=True))[0]
    colours = {tuple(colour) for colour in inputs.pose.reshape(-1, 3)}
    assert colours == {tuple(palette[k]) for k in (0, 2, 23)}
    face = on_canvas(person, inputs, "face")
    assert (inputs.pose[face] == palette[23]).all(axis=1).mean() > 0.97


def extent(picture: Rgb) -> tuple[int, int, int, int]:
    """First and last row and column that are not white."""
    cloth = (picture < 250).any(axis=2)
    rows, columns = np.flatnonzero(cloth.any(axis=1)), np.flatnonzero(cloth.any(axis=0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


@pytest.mark.parametrize(("garment", "tall", "broad"), [(WIDE, 100, 260), (TALL, 280, 80)])
@pytest.mark.parametrize("room", [CANVAS, (192, 192)])
def test_a_garment_lies_on_white_in_the_middle_unstretched(
    garment: Garment, tall: int, broad: int, room: tuple[int, int]
) -> None:
    picture = garment_picture(garment, CANVAS, room)
    top, bottom, left, right = extent(picture)
    assert (right - left + 1) / (bottom - top + 1) == pytest.approx(broad / tall, rel=0.05)
    assert abs((top + bottom + 1) / 2 - 128) <= 1
    assert abs((left + right + 1) / 2 - 96) <= 1
    free = min(room[0] - (right - left + 1), room[1] - (bottom - top + 1))
    assert 10 <= free <= 20  # 4 % on either side of whichever fills its room
    assert (picture[top + 2 : bottom - 1, left + 2 : right - 1] == (20, 40, 200)).all()


def test_clip_sees_all_of_a_long_garment() -> None:
    inputs = compose_inputs(prepared(somebody(), TALL), 0, CANVAS)
    assert extent(inputs.garment)[0] < 32 < extent(inputs.clip)[0]
    assert extent(inputs.clip)[1] < 256 - 32
    assert np.array_equal(garment_picture(WIDE, CANVAS, CANVAS), garment_picture(WIDE, CANVAS, (192, 192)))


@pytest.mark.parametrize("changes", [{"cutout_confidence": 0.5}, {"kind": "worn"}])
def test_a_garment_that_is_not_cut_out_well_keeps_its_photo(changes: dict[str, object]) -> None:
    picture = garment_picture(dataclasses.replace(WIDE, **changes), CANVAS, CANVAS)
    assert (picture[0, 0] == 180).all()
    assert (picture[128, 96] == (20, 40, 200)).all()
    assert not (picture == 255).any()


def test_a_mask_of_the_callers_is_framed_whole() -> None:
    """However far it goes beyond the person."""
    person = somebody((700, 220))
    little = np.zeros((200, 160), np.float32)
    little[90:110, 75:85] = 1.0
    person = dataclasses.replace(person, matte=dataclasses.replace(person.matte, alpha=little))
    alpha = np.zeros((200, 160), np.float32)
    alpha[20:180, 2:158] = 1.0
    mask = Mask(tag="input", frame=person.frame, alpha=alpha)
    inputs = compose_inputs(prepared(person, WIDE, mask=mask), 0, CANVAS)
    rows, columns = np.flatnonzero(inputs.mask.any(axis=1)), np.flatnonzero(inputs.mask.any(axis=0))
    assert 0 < rows[0] < rows[-1] < CANVAS[1] - 1
    assert 0 < columns[0] < columns[-1] < CANVAS[0] - 1


def test_what_is_half_covered_is_repainted_but_no_noise() -> None:
    person = somebody()
    alpha = np.full((200, 160), 0.05, np.float32)
    alpha[60:140, 40:120] = 0.2
    mask = Mask(tag="input", frame=person.frame, alpha=alpha)
    inputs = compose_inputs(prepared(person, WIDE, mask=mask), 0, CANVAS)
    scale = inputs.frame.scale
    assert inputs.mask.sum() == pytest.approx(80 * 80 * scale**2, rel=0.03)
    assert inputs.alpha.max() == pytest.approx(0.2, abs=1e-3)


def test_no_torch_is_needed() -> None:
    script = (
        "import sys; import inference.engines.idm_vton.canvas, inference.engines.idm_vton.caption;"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
