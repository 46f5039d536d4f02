"""Tiny ONNX networks with the signatures of the published ones, whose answers a test can foresee."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.floating]
LEVELS = (25, 128, 230)
PALETTE = np.array([(r, g, b) for r in LEVELS for g in LEVELS for b in LEVELS], np.uint8)
"""27 colours ``(27, 3)`` RGB, far from one another: the colour says which class a pixel is."""


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    constants: dict[str, Array | NDArray[np.int64]],
    takes: tuple[str, Sequence[int | str]],
    gives: Sequence[tuple[str, Sequence[int | str]]],
) -> Path:
    """Write a checked network of one float32 input and float32 outputs."""

    def value(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [value(*takes)],
        [value(*item) for item in gives],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def parser(
    path: Path, *, side: int, grid: int, classes: int, colours: dict[int, int], sharpness: float = 40.0
) -> Path:
    """An SCHP that knows classes by colour: ``colours`` maps a colour of the palette to its class.

    It normalises nothing: a colour must arrive as BGR with ImageNet's mean and deviation to be known. Colours
    are averaged over a cell of the grid, as strided convolutions see it.
    """
    normal = (PALETTE[:, ::-1] / 255.0 - (0.406, 0.456, 0.485)) / (0.225, 0.224, 0.229)
    rows = sorted(colours)
    # nearest colour: the largest 2 c.x - |c|^2; classes without a colour never win
    by_colour = (sharpness * 2 * normal[rows]).astype(np.float32)
    offset = (-sharpness * (normal[rows] ** 2).sum(axis=1)).astype(np.float32)
    to_class = np.full((classes, len(rows)), 0.0, np.float32)
    for row, colour in enumerate(rows):
        to_class[colours[colour], row] = 1.0
    floor = np.where(to_class.any(axis=1), 0.0, -1e6).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["input.1"], ["smooth"], kernel_shape=[5, 5], pads=[2, 2, 2, 2]),
        helper.make_node(
            "Resize",
            ["smooth", "", "", "size"],
            ["small"],
            mode="linear",
            coordinate_transformation_mode="align_corners",
        ),
        helper.make_node("Conv", ["small", "by_colour", "offset"], ["colour"]),
        helper.make_node("Softmax", ["colour"], ["share"], axis=1),
        helper.make_node("Conv", ["share", "to_class", "floor"], ["class"]),
        helper.make_node("Mul", ["class", "gain"], ["fused"]),
        helper.make_node("Neg", ["fused"], ["parsing"]),  # output 0 must not be taken
        helper.make_node("ReduceMean", ["fused"], ["edge"], axes=[1]),
    ]
    constants = {
        "size": np.array([1, 3, grid, grid], np.int64),
        "by_colour": by_colour[..., None, None],
        "offset": offset,
        "to_class": to_class[..., None, None],
        "floor": floor,
        "gain": np.array(20.0, np.float32),
    }
    shape = (1, classes, grid, grid)
    gives = [("parsing", shape), ("fused", shape), ("edge", (1, 1, grid, grid))]
    return save(path, nodes, constants, ("input.1", (1, 3, side, side)), gives)


def whole_body(path: Path) -> Path:
    """A DWPose whose point k is the brightest spot of colour channel k modulo 3 (R, G, B)."""
    weights = np.zeros((133, 3, 1, 1), np.float32)
    weights[np.arange(133), np.arange(133) % 3] = 0.4
    nodes = [helper.make_node("Conv", ["input", "weights"], ["heat"])]
    constants: dict[str, Array | NDArray[np.int64]] = {"weights": weights, "last": np.array([3], np.int64)}
    for name, axis, length in (("simcc_x", 2, 288), ("simcc_y", 3, 384)):
        constants |= {
            f"{name}_twice": np.array([1, 133, length, 2], np.int64),
            f"{name}_flat": np.array([1, 133, 2 * length], np.int64),
        }
        nodes += [
            helper.make_node("ReduceMax", ["heat"], [f"{name}_max"], axes=[axis], keepdims=0),
            helper.make_node("Unsqueeze", [f"{name}_max", "last"], [f"{name}_column"]),
            helper.make_node("Expand", [f"{name}_column", f"{name}_twice"], [f"{name}_pairs"]),
            helper.make_node("Reshape", [f"{name}_pairs", f"{name}_flat"], [name]),
        ]
    gives = [("simcc_x", (1, 133, 576)), ("simcc_y", (1, 133, 768))]
    return save(path, nodes, constants, ("input", (1, 3, 384, 288)), gives)


def constants_of(path: Path, outputs: dict[str, Array]) -> Path:
    """A network of any input size that always gives the same tensors."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
    ]
    nodes += [helper.make_node("Add", [f"{name}_value", "zero"], [name]) for name in outputs]
    values = {f"{name}_value": array.astype(np.float32) for name, array in outputs.items()}
    gives = [(name, array.shape) for name, array in outputs.items()]
    takes = ("image", (1, 3, "height", "width"))
    return save(path, nodes, {"nothing": np.array(0.0, np.float32), **values}, takes, gives)


def body_surface(path: Path, boxes: Array, scores: Array, coarse: Array, fine: Array) -> Path:
    """A DensePose that sees its instances only in blue (the first of BGR channels, of 0..255)."""
    nodes = [
        helper.make_node("Gather", ["image", "first"], ["blue"], axis=1),
        helper.make_node("ReduceMax", ["blue"], ["most"], keepdims=0),
        helper.make_node("Div", ["most", "white"], ["share"]),
        helper.make_node("Mul", ["share", "score_value"], ["scores"]),
        *(helper.make_node("Identity", [f"{name}_value"], [name]) for name in ("boxes", "coarse", "fine")),
    ]
    constants = {
        "first": np.array([0], np.int64),
        "white": np.array(255.0, np.float32),
        "score_value": scores.astype(np.float32),
        "boxes_value": boxes.astype(np.float32),
        "coarse_value": coarse.astype(np.float32),
        "fine_value": fine.astype(np.float32),
    }
    gives = [("boxes", boxes.shape), ("scores", scores.shape), ("coarse", coarse.shape), ("fine", fine.shape)]
    return save(path, nodes, constants, ("image", (1, 3, "height", "width")), gives)
