"""Pose by OpenPose's body model (Cao et al., "OpenPose: Realtime Multi-Person 2D Pose Estimation using Part
Affinity Fields", TPAMI 2019), exported to ONNX by the user. CMU's licence: non-commercial research only.

Signature: one input ``float32 (1, 3, H, W)``, **BGR**, ``value / 256 - 0.5``, H and W multiples of 8; two
outputs on an eighth of that grid, in any order: heat ``(1, 19, h, w)`` of 18 points and background, and part
affinity fields ``(1, 38, h, w)``. One scale, as IDM-VTON runs it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.models import ModelsError
from preprocess.providers.full.affinity import Peak, people_of
from preprocess.providers.full.body import coco18
from preprocess.providers.full.network import OneNetwork, Shape, Tensor
from preprocess.types import Person, Pose, Rgb

SHAPE: Shape = (1, 3, None, None)
OUTPUTS = 2
POINTS, HEATS, FIELDS = 18, 19, 38
INPUT_HEIGHT = 184
"""Rows that the network sees: half of its training size, 368."""
WORKING_HEIGHT = 512
"""Rows of the grid that peaks are looked for on; sigma and thresholds hold there."""
STRIDE, PAD_VALUE = 8, 128
SIGMA = 3.0
LEAST_HEAT = 0.1


class OpenPose(OneNetwork):
    takes = SHAPE
    gives = OUTPUTS

    def __call__(self, person: Person) -> Pose:
        """``coco18`` in the person's frame: of whoever has most points on the person's matte.

        With nobody found every point is unknown. Raises ``ModelsError`` for outputs of other shapes.
        """
        heat, fields = self._maps(person.image)
        people = people_of([peaks(plane) for plane in heat[:POINTS]], fields)
        scale = person.frame.height / WORKING_HEIGHT
        matte = person.matte.alpha > 0.5
        points, confidence = np.zeros((POINTS, 2), np.float32), np.zeros(POINTS, np.float32)
        ours = max(people, key=lambda body: _on(matte, body, scale), default={})
        for joint, peak in ours.items():
            points[joint] = (peak.x + 0.5) * scale, (peak.y + 0.5) * scale
            confidence[joint] = min(peak.heat, 1.0)
        return coco18(person, points, confidence, LEAST_HEAT)

    def _maps(self, rgb: Rgb) -> tuple[Tensor, Tensor]:
        """Heat ``(19, 512, W)`` and fields ``(38, 512, W)`` of a picture."""
        batch, (rows, columns) = network_input(rgb)
        given = {tensor.shape[1]: tensor[0] for tensor in self.network(batch) if tensor.ndim == 4}
        if not {HEATS, FIELDS} <= given.keys():
            raise ModelsError(
                f"the OpenPose network gave {sorted(given)} channels, expected {HEATS} and {FIELDS}; "
                "docs/preprocessing-models.md says how to export it"
            )
        width = round(rgb.shape[1] * WORKING_HEIGHT / rgb.shape[0])
        return _enlarged(given[HEATS], rows, columns, width), _enlarged(given[FIELDS], rows, columns, width)


def network_input(rgb: Rgb) -> tuple[Tensor, tuple[int, int]]:
    """The batch, padded at its right and bottom, and how many of its rows and columns show the picture."""
    rows, columns = INPUT_HEIGHT, max(1, round(rgb.shape[1] * INPUT_HEIGHT / rgb.shape[0]))
    interpolation = cv2.INTER_AREA if rgb.shape[0] > rows else cv2.INTER_CUBIC
    small = cv2.resize(rgb, (columns, rows), interpolation=interpolation)
    padding = ((0, -rows % STRIDE), (0, -columns % STRIDE), (0, 0))
    padded = np.pad(small, padding, constant_values=PAD_VALUE)[..., ::-1]
    batch = padded.transpose(2, 0, 1)[None].astype(np.float32) / 256 - 0.5
    return np.asarray(batch, dtype=np.float32), (rows, columns)


def _enlarged(planes: Tensor, rows: int, columns: int, width: int) -> Tensor:
    """Planes of the output grid on the working grid, the input's padding cut off."""
    input_size = (planes.shape[2] * STRIDE, planes.shape[1] * STRIDE)
    result = np.empty((len(planes), WORKING_HEIGHT, width), np.float32)
    for k, plane in enumerate(planes):
        full = cv2.resize(plane, input_size, interpolation=cv2.INTER_CUBIC)
        result[k] = cv2.resize(full[:rows, :columns], (width, WORKING_HEIGHT), interpolation=cv2.INTER_CUBIC)
    return result


def peaks(heat: NDArray[np.float32]) -> list[Peak]:
    """Where smoothed heat is no lower than at its four neighbours, and high enough."""
    smooth = cv2.GaussianBlur(heat, (0, 0), SIGMA)
    edged = np.pad(smooth, 1)
    neighbours = (edged[:-2, 1:-1], edged[2:, 1:-1], edged[1:-1, :-2], edged[1:-1, 2:])
    top = np.logical_and.reduce([smooth >= other for other in neighbours]) & (smooth > LEAST_HEAT)
    return [Peak(x=int(x), y=int(y), heat=float(heat[y, x])) for y, x in np.argwhere(top)]


def _on(matte: NDArray[np.bool_], body: dict[int, Peak], scale: float) -> int:
    """How many points of a body lie on the matte."""
    height, width = matte.shape
    cells = [(int((peak.x + 0.5) * scale), int((peak.y + 0.5) * scale)) for peak in body.values()]
    return sum(bool(matte[min(y, height - 1), min(x, width - 1)]) for x, y in cells)
