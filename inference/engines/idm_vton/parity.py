"""Replay a recorded run of the reference with its noise, and say how far the numbers are apart.

    python -m inference.engines.idm_vton.parity --checkpoint DIR --case FILE.npz --index index.json

runs :func:`~inference.engines.idm_vton.sampling.try_on` itself, in float32 on the CPU, and prints one
line of JSON; exit status 1 when a difference is out of its bound, 2 when there is nothing to compare
with. ``--without person_queries`` (any field of ``Savings``; may be repeated) and ``--reference-maths``
switch savings off.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.engines.idm_vton.attention import NO_SAVINGS, Savings
from inference.engines.idm_vton.encoders import encode_negative
from inference.engines.idm_vton.inputs import Inputs, clip_pixels
from inference.engines.idm_vton.loading import Checkpoint
from inference.engines.idm_vton.models import Models, load_models
from inference.engines.idm_vton.noise import Draw, Recorded
from inference.engines.idm_vton.sampling import try_on
from inference.engines.idm_vton.settings import SamplingSettings
from inference.engines.idm_vton.state import LoadError

Arrays = Mapping[str, NDArray[np.generic]]
Expected = tuple[NDArray[np.generic], ...]

BOUNDS: Mapping[str, float] = {
    "clip_pixels": 1e-4,
    "prompt_embeds": 1e-4,
    "pooled_prompt_embeds": 1e-4,
    "negative_prompt_embeds": 1e-4,
    "negative_pooled_prompt_embeds": 1e-4,
    "prompt_embeds_cloth": 1e-4,
    "image_tokens": 1e-4,
    "negative_image_tokens": 1e-4,
    "garment_features": 1e-4,
    "noise_prediction": 1e-4,
    "decoded_image": 1e-4,
    # Latents add up what the steps before left, and with them what contains latents.
    "unet_input": 5e-4,
    "latents": 5e-4,
    "image": 1,
}
"""Most absolute difference by quantity; of a step's quantity the name before the dot."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A recorded run: the arrays of its ``.npz``, and what its entry of the index says."""

    arrays: Arrays
    prompts: tuple[str, ...]
    garment_prompts: tuple[str, ...]
    negative_prompt: str
    guidance: float
    steps: int

    @classmethod
    def read(cls, path: Path, index: Path) -> Case:
        """Raises ``OSError`` for files that cannot be read, ``KeyError`` for a case that the index has
        not."""
        entry = json.loads(index.read_text("utf-8"))[path.stem]
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return cls(
            arrays=arrays,
            prompts=tuple(entry["person_prompts"]),
            garment_prompts=tuple(entry["cloth_prompts"]),
            negative_prompt=entry["negative_prompt"],
            guidance=entry["case"]["guidance"],
            steps=entry["case"]["steps"],
        )

    def pictures(self, name: str) -> list[NDArray[np.uint8]]:
        """``name.0``, ``name.1``, ...: one picture of each row."""
        found = sorted((key for key in self.arrays if re.fullmatch(rf"{name}\.\d+", key)), key=_number)
        return [np.asarray(self.arrays[key], dtype=np.uint8) for key in found]

    def inputs(self) -> Inputs:
        masks = np.stack(self.pictures("input_mask_u8"))[:, None] >= 128
        person = np.stack(self.pictures("input_person_u8")).transpose(0, 3, 1, 2)
        return Inputs(
            person=torch.from_numpy(person).float() / 127.5 - 1,
            mask=torch.from_numpy(masks).float(),
            pose=torch.from_numpy(self.arrays["input_pose_tensor"]),
            garment=torch.from_numpy(self.arrays["input_cloth_tensor"]),
            garment_clip=clip_pixels(self.pictures("input_garment_u8")),
            prompts=self.prompts,
            garment_prompts=self.garment_prompts,
            negative_prompt=self.negative_prompt,
        )

    def noise(self) -> Recorded:
        """The recorded draws; the reference made them in the order of :data:`~.noise.Draw`."""
        draws = [
            torch.from_numpy(self.arrays[key]) for key in sorted(self.arrays) if key.startswith("noise_")
        ]
        order: tuple[Draw, ...] = ("latent", "masked", "pose", "garment")
        first: dict[Draw, Sequence[Tensor]] = {what: [draw] for what, draw in zip(order, draws, strict=False)}
        return Recorded({**first, "step": draws[len(order) :]})

    def expected(self) -> dict[str, Expected]:
        """What was recorded, by the names of :class:`~.observe.Observe`; features have many arrays each."""
        arrays = self.arrays
        tokens, rows = arrays["image_proj_out"], len(self.prompts)
        expected: dict[str, Expected] = {name: (arrays[name],) for name in BOUNDS if name in arrays}
        expected["clip_pixels"] = (arrays["image_encoder_in_cond"],)
        expected["image_tokens"] = (tokens[-rows:],)
        if len(tokens) > rows:
            expected["negative_image_tokens"] = (tokens[:rows],)
        expected["unet_input.0"] = (arrays["unet_in_sample"],)
        for k in range(self.steps):
            expected[f"noise_prediction.{k}"] = (arrays[f"unet_out_step{k}"],)
            expected[f"latents.{k}"] = (arrays[f"latents_step{k}"],)
            features = [key for key in arrays if key.startswith(f"garment_feat_step{k}.")]
            if features:
                expected[f"garment_features.{k}"] = tuple(
                    arrays[key] for key in sorted(features, key=_number)
                )
        expected["decoded_image"] = (arrays["vae_decode_out"],)
        expected["image"] = (np.stack(self.pictures("final_u8")),)
        return expected


class Differences:
    """An observer that compares what it sees with what was recorded."""

    def __init__(self, expected: Mapping[str, Expected]) -> None:
        self._expected = expected
        self.found: dict[str, float] = {}

    def __call__(self, what: str, *tensors: Tensor) -> None:
        expected = self._expected.get(what)
        if expected is None:
            return
        if len(expected) != len(tensors):
            self.found[what] = math.inf
            return
        self.found[what] = max(_apart(got, want) for got, want in zip(tensors, expected, strict=True))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """Largest absolute difference of every recorded quantity; infinite where shapes differ or it never
    came up."""

    case: str
    differences: Mapping[str, float]

    @property
    def within_bounds(self) -> bool:
        return all(difference <= bound(what) for what, difference in self.differences.items())

    def json(self) -> str:
        """One line; what is not a number is null."""
        return json.dumps(
            {
                "case": self.case,
                "within_bounds": self.within_bounds,
                **{what: apart if math.isfinite(apart) else None for what, apart in self.differences.items()},
            }
        )


def bound(what: str) -> float:
    """The bound of a quantity, ``latents.3`` or ``prompt_embeds``."""
    return BOUNDS[what.partition(".")[0]]


def replay(models: Models, name: str, case: Case, savings: Savings) -> Report:
    """Run the sampler on a recorded case's inputs and noise, and compare every recorded quantity."""
    inputs, expected = case.inputs(), case.expected()
    observe = Differences(expected)
    settings = SamplingSettings(steps=case.steps, guidance=case.guidance, savings=savings)
    image = try_on(models, inputs, settings, case.noise(), observe=observe)
    observe("clip_pixels", inputs.garment_clip)
    observe("image", image)
    if "negative_prompt_embeds" not in observe.found:  # the reference encodes it without guidance, too
        with torch.no_grad():
            negative = encode_negative(models, case.negative_prompt, keep=False)
        observe("negative_prompt_embeds", negative.embeds)
        observe("negative_pooled_prompt_embeds", negative.pooled)
    return Report(case=name, differences={what: observe.found.get(what, math.inf) for what in expected})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m inference.engines.idm_vton.parity", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder in the published layout")
    parser.add_argument("--case", type=Path, required=True, help=".npz of a recorded run")
    parser.add_argument("--index", type=Path, required=True, help="index.json with the case's captions")
    names = [field.name for field in dataclasses.fields(Savings)]
    parser.add_argument("--without", action="append", default=[], choices=names, help="saving to switch off")
    parser.add_argument("--reference-maths", action="store_true", help="all savings off")
    options = parser.parse_args(arguments)
    savings = NO_SAVINGS if options.reference_maths else Savings()
    savings = dataclasses.replace(savings, **dict.fromkeys(options.without, False))
    try:
        case = Case.read(options.case, options.index)
        models = load_models(
            Checkpoint(options.checkpoint),
            device=torch.device("cpu"),
            dtype=torch.float32,
            whole_garment=not savings.garment_early_stop,
        )
    except (OSError, KeyError, LoadError) as error:
        parser.error(f"{type(error).__name__}: {error}")
    report = replay(models, options.case.stem, case, savings)
    sys.stdout.write(f"{report.json()}\n")
    return 0 if report.within_bounds else 1


def _apart(got: Tensor, want: NDArray[np.generic]) -> float:
    """Largest absolute difference; one row stands for all. Infinite for other shapes and for what is no
    number."""
    have = got.detach().cpu().double().numpy()
    if have.shape[1:] != want.shape[1:] or len(have) not in (1, len(want)):
        return math.inf
    apart = float(np.abs(have - want.astype(np.float64)).max())
    return apart if math.isfinite(apart) else math.inf


def _number(key: str) -> int:
    return int(key.rpartition(".")[2])


if __name__ == "__main__":
    sys.exit(main())
