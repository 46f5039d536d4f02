"""A picture inside the fixed input of a network, and the network's grid back on the picture's pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.types import Rgb


@dataclass(frozen=True, kw_only=True)
class Letterbox:
    """Uniform scale and whole-pixel shift: ``x_input = x_picture * scale + left`` and the same for y."""

    scale: float
    left: int
    top: int
    side: int
    """Width and height of the input."""

    @staticmethod
    def centred(width: int, height: int, side: int) -> Letterbox:
        scale = side / max(width, height)
        left, top = round((side - width * scale) / 2), round((side - height * scale) / 2)
        return Letterbox(scale=scale, left=left, top=top, side=side)

    def picture(self, rgb: Rgb) -> Rgb:
        """``uint8 (side, side, 3)``, black beside the picture."""
        interpolation = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(rgb, None, fx=self.scale, fy=self.scale, interpolation=interpolation)
        canvas = np.zeros((self.side, self.side, 3), np.uint8)
        room = small[: self.side - self.top, : self.side - self.left]
        canvas[self.top : self.top + room.shape[0], self.left : self.left + room.shape[1]] = room
        return canvas

    def grid(self, values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
        """Planes ``(K, n, n)`` on the network's output grid to planes ``(K, height, width)`` of the picture.

        Bilinear; the grid's corner samples are the input's corner pixels (``align_corners``: strided
        convolutions with padding see it that way). ``size`` is the picture's (width, height).
        """
        width, height = size
        rows = self._interpolation(height, self.top, values.shape[1])
        columns = self._interpolation(width, self.left, values.shape[2])
        return np.asarray(rows @ values @ columns.T, dtype=np.float32)

    def _interpolation(self, length: int, shift: int, cells: int) -> NDArray[np.float32]:
        """``(length, cells)`` weights of the grid's samples at each of the picture's pixel centres."""
        index = (np.arange(length) + 0.5) * self.scale + shift - 0.5
        at = np.clip(index * (cells - 1) / (self.side - 1), 0, cells - 1)
        return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(cells))).astype(np.float32)
