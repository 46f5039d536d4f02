"""DensePose artefacts: the picture that engines are trained on, and a stand-in painted without a network."""

from preprocess.densepose.approximate import approximate_densepose
from preprocess.densepose.picture import PARTS, render

__all__ = ["PARTS", "approximate_densepose", "render"]
