"""DensePose (Güler et al., CVPR 2018) from an ONNX export, without detectron2.

No export is published, so this file fixes the signature (``docs/preprocessing-models.md`` says how to make
one):

* one input ``float32 (1, 3, H, W)``, **BGR**, 0..255, any size: normalisation and padding are the network's;
* four outputs in this order, for the N instances that are left after non-maximum suppression (N may be 0):
  boxes ``(N, 4)`` as x0, y0, x1, y1 in pixels of the input; scores ``(N,)`` 0..1; coarse segmentation
  ``(N, K, n, n)``, logits of background and foreground (K 2) or of 14 parts (K 15); fine segmentation
  ``(N, 25, n, n)``, logits of background and 24 parts. The published R50-FPN has n 112.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.errors import InputError
from preprocess.geometry import Box
from preprocess.models import ModelsError
from preprocess.providers.full.body import body_box
from preprocess.providers.full.network import OneNetwork, Shape, Tensor
from preprocess.types import DensePose, Person, Rgb

SHAPE: Shape = (1, 3, None, None)
OUTPUTS = 4
PARTS = 25
SHORT_SIDE, LONG_SIDE = 800, 1333
"""The input's sides (detectron2, ``INPUT.MIN_SIZE_TEST`` and ``MAX_SIZE_TEST``)."""
LEAST_SCORE = 0.5
"""IDM-VTON's .8 chose people; here the person is known, and a hidden one scores less."""
LEAST_OVERLAP = 0.3
"""Intersection over union with the person's box."""


class BodySurface(OneNetwork):
    takes = SHAPE
    gives = OUTPUTS

    def __call__(self, person: Person) -> DensePose:
        """Parts of our person, in the person's frame.

        Raises ``InputError`` ``no-person`` where the network finds nobody there, ``ModelsError`` for outputs
        of other shapes.
        """
        rgb = person.image
        batch, scale = network_input(rgb)
        boxes, scores, coarse, fine = self.network(batch)[:OUTPUTS]
        _check(boxes, scores, coarse, fine)
        boxes = boxes / scale
        ours = choose(boxes, scores, body_box(person))
        if ours is None:
            raise InputError(
                "no-person",
                "DensePose does not see the person; send a photo that shows one person from head to hips",
            )
        parts = np.zeros(rgb.shape[:2], np.uint8)
        paste(parts, boxes[ours], coarse[ours], fine[ours])
        return DensePose(tag="densepose-parts", frame=person.frame, parts=parts, approximate=False)


def network_input(rgb: Rgb) -> tuple[Tensor, NDArray[np.float32]]:
    """``float32 (1, 3, H, W)`` BGR, and the input's size over the picture's as x, y, x, y."""
    height, width = rgb.shape[:2]
    factor = min(SHORT_SIDE / min(height, width), LONG_SIDE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(rgb, size, interpolation=interpolation)
    batch = resized[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)
    return batch, np.array([size[0] / width, size[1] / height] * 2, np.float32)


def choose(boxes: Tensor, scores: Tensor, ours: Box) -> int | None:
    """The instance whose box overlaps the person's most; None where none does well enough."""
    known = np.array(ours, np.float32)
    low, high = np.maximum(boxes[:, :2], known[:2]), np.minimum(boxes[:, 2:], known[2:])
    common = np.prod(np.clip(high - low, 0, None), axis=1)
    sizes = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    overlap = common / np.maximum(sizes + np.prod(known[2:] - known[:2]) - common, 1e-6)
    overlap[scores < LEAST_SCORE] = 0.0
    if not len(overlap) or overlap.max() < LEAST_OVERLAP:
        return None
    return int(overlap.argmax())


def paste(parts: NDArray[np.uint8], box: Tensor, coarse: Tensor, fine: Tensor) -> None:
    """Into ``parts`` ``(H, W)``: the likeliest part wherever the coarse segmentation is not background.

    Both grids fill the box, rounded to whole pixels, with the bilinear weights of torch's ``interpolate``
    without aligned corners (detectron2, ``resample_fine_and_coarse_segm_to_bbox``).
    """
    x0, y0, x1, y1 = (round(float(value)) for value in box)
    size = (max(x1 - x0, 1), max(y1 - y0, 1))
    body = _resampled(coarse, size).argmax(axis=0) > 0
    labels = (_resampled(fine, size).argmax(axis=0) * body).astype(np.uint8)
    height, width = parts.shape
    rows, columns = slice(max(y0, 0), min(y0 + size[1], height)), slice(max(x0, 0), min(x0 + size[0], width))
    parts[rows, columns] = labels[rows.start - y0 : rows.stop - y0, columns.start - x0 : columns.stop - x0]


def _resampled(planes: Tensor, size: tuple[int, int]) -> Tensor:
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in planes])


def _check(boxes: Tensor, scores: Tensor, coarse: Tensor, fine: Tensor) -> None:
    count = len(boxes)
    square = coarse.ndim == fine.ndim == 4 and coarse.shape[2:] == fine.shape[2:]
    if (
        boxes.shape != (count, 4)
        or scores.shape != (count,)
        or not square
        or (len(coarse), len(fine), fine.shape[1]) != (count, count, PARTS)
    ):
        got = ", ".join(str(tensor.shape) for tensor in (boxes, scores, coarse, fine))
        raise ModelsError(
            f"the DensePose network gave {got}, expected (N, 4), (N,), (N, K, n, n), (N, {PARTS}, n, n); "
            "docs/preprocessing-models.md says how to export it"
        )
