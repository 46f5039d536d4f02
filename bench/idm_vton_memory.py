"""Planned memory of the idm-vton engine beside counted memory, stage by stage.

    python -m bench.idm_vton_memory [--width 8] [--canvas 384 512] [--json]

First the published networks at 768x1024 in float16, on tensors without numbers: every allocation of the
engine's own code is counted, nothing is computed, no weights are needed. Then a tiny random checkpoint,
``--width`` times as wide as the one of the tests, run for real on the CPU in each memory profile. What an
operation allocates inside of itself (cuDNN's workspaces, on a GPU) is in neither: the planner keeps a reserve
for it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

if not __package__:  # run as a file: Python looks beside it, not in the checkout
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from bench.idm_vton_flops import Ledger, meta_models
from bench.live_bytes import LiveBytes, parameter_bytes, state_of
from bench.table import Cell, Table, show
from inference.engines.idm_vton.activations import Work
from inference.engines.idm_vton.architecture import CANVAS, PUBLISHED, RESAMPLER
from inference.engines.idm_vton.attention import Savings
from inference.engines.idm_vton.encoders import decode_latents
from inference.engines.idm_vton.engine import blank_inputs
from inference.engines.idm_vton.inputs import Inputs
from inference.engines.idm_vton.loading import Checkpoint
from inference.engines.idm_vton.memory import make_plan
from inference.engines.idm_vton.models import Models, Placement, Resident
from inference.engines.idm_vton.noise import Seeded
from inference.engines.idm_vton.observe import ignore
from inference.engines.idm_vton.placement import Moving, load_placed
from inference.engines.idm_vton.profiles import PROFILES, STAGES
from inference.engines.idm_vton.sampling import predict_noise, prepare
from inference.engines.idm_vton.settings import SamplingSettings
from inference.engines.idm_vton.sizes import PUBLISHED_ARCHITECTURE, Component, read_architecture
from tests.idm_vton_checkpoint import make_checkpoint

CPU = torch.device("cpu")
TIMESTEP = 500
"""Any would do."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """One stage: bytes alive at its fullest moment, without weights that were there before the request."""

    stage: str
    planned: int
    counted: int

    @property
    def error(self) -> float:
        """Of the plan, as a share of the count."""
        return self.planned / self.counted - 1


class Watching:
    """A placement that asks another one, and counts what is alive while a stage is open."""

    def __init__(self, live: LiveBytes, inner: Placement) -> None:
        self._live = live
        self._inner = inner
        self.peaks: dict[frozenset[Component], list[int]] = defaultdict(list)

    def on(self, *components: Component) -> AbstractContextManager[None]:
        return self._open(components)

    @contextmanager
    def _open(self, components: Sequence[Component]) -> Iterator[None]:
        self._live.restart()
        with self._inner.on(*components):
            yield
        self.peaks[frozenset(components)].append(self._live.peak)


def request(
    models: Models,
    canvas: tuple[int, int],
    savings: Savings,
    pictures: int = 1,
    *,
    persons: int = 1,
    counter: type[LiveBytes] = LiveBytes,
) -> dict[str, int]:
    """Stage -> most bytes alive in one step; the garments, one for each of ``persons``, are new.

    ``pictures`` of each person.
    """
    settings = SamplingSettings(steps=1, savings=savings, samples=pictures)
    live = counter(state_of(*networks(models)))
    watching = Watching(live, models.placement)
    models = replace(models, placement=watching)
    inputs = made_up(canvas, persons)  # stay on the host
    timestep = torch.tensor(TIMESTEP)
    with torch.no_grad(), live:
        seeded = Seeded(range(persons), pictures)
        conditions = prepare(models, inputs, settings, (TIMESTEP,), seeded, garments=None, observe=ignore)
        with models.placement.on("unet", "garment_unet"):
            features = conditions.garment.at(0, timestep)
            predict_noise(
                models, conditions, settings, 0, conditions.latents, timestep, features, observe=ignore
            )
        latents = conditions.latents
        del conditions, features
        encoded = watching.peaks.pop(frozenset({"vae"}))
        with models.placement.on("vae"):
            decode_latents(models, latents)
    decoded = watching.peaks.pop(frozenset({"vae"}))
    names = {parts: name for name, parts in STAGES.items()}
    return {
        **{names[parts]: max(peaks) for parts, peaks in watching.peaks.items()},
        "encode": max(encoded),
        "decode": max(decoded),
    }


def published() -> list[Counted]:
    """The published networks in float16, as tensors without numbers."""
    models = meta_models(PUBLISHED, RESAMPLER, Ledger())
    with FakeTensorMode():
        for network in networks(models):
            unreal(network, torch.float16)
        models = replace(models, device=CPU, dtype=torch.float16, placement=Resident())
        peaks = request(models, CANVAS, Savings(vae_batch=False))
    plan = make_plan(PUBLISHED_ARCHITECTURE, PROFILES["16gb"], Work(canvas=CANVAS))
    planned = {stage.name: stage.activations for stage in plan.stages}
    return [Counted(stage=name, planned=planned[name], counted=peak) for name, peak in peaks.items()]


def in_profile(
    folder: Path, profile: str, canvas: tuple[int, int], *, pictures: int = 1, persons: int = 1
) -> list[Counted]:
    """A checkpoint run on the CPU in float32; weights that are there at rest are in these numbers."""
    work = Work(canvas=canvas, number_bytes=4, pictures=persons * pictures, garments=persons)
    plan = make_plan(read_architecture(folder), PROFILES[profile], work)
    models = load_placed(Checkpoint(folder), plan, device=CPU, dtype=torch.float32)
    savings = Savings(vae_batch=plan.profile.vae_batch)
    request(models, canvas, savings)  # the first one makes constants of the checkpoint, and keeps them
    resting = (
        models.placement.device_bytes
        if isinstance(models.placement, Moving)
        else sum(parameter_bytes(network) for network in networks(models))
    )
    peaks = request(models, canvas, savings, pictures, persons=persons)
    planned = {stage.name: stage.peak for stage in plan.stages}
    return [
        Counted(stage=name, planned=planned[name], counted=resting + peak) for name, peak in peaks.items()
    ]


def networks(models: Models) -> tuple[nn.Module, ...]:
    return (
        models.text_encoder,
        models.text_encoder_2,
        models.image_encoder,
        models.resampler,
        models.vae,
        models.unet.module,
        models.garment_unet.module,
    )


def made_up(canvas: tuple[int, int], persons: int = 1) -> Inputs:
    """Persons with a garment each, of noise, the whole pictures to be repainted."""
    blank = blank_inputs(canvas)

    def noise(picture: Tensor) -> Tensor:
        return torch.rand(persons, *picture.shape[1:])

    return replace(
        blank,
        person=noise(blank.person),
        mask=torch.ones(persons, *blank.mask.shape[1:]),
        pose=noise(blank.pose),
        garment=noise(blank.garment),
        garment_clip=noise(blank.garment_clip),
        prompts=tuple(blank.prompts[0] + " too" * k for k in range(persons)),
        garment_prompts=tuple(blank.garment_prompts[0] + " too" * k for k in range(persons)),
    )


def unreal(network: nn.Module, dtype: torch.dtype, device: torch.device = CPU) -> None:
    """Give a network of the meta device tensors on ``device``, without numbers too (``FakeTensorMode``)."""
    for module in network.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                empty = torch.empty(parameter.shape, dtype=dtype, device=device)
                module._parameters[name] = nn.Parameter(empty, requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype, device=device)


def table(title: str, rows: Sequence[Counted]) -> Table:
    cells: list[list[Cell]] = [
        [row.stage, _mega(row.planned), _mega(row.counted), f"{row.error:+.1%}"] for row in rows
    ]
    return Table(title=title, columns=["stage", "planned MB", "counted MB", "plan is off by"], rows=cells)


def _mega(count: int) -> str:
    return f"{count / 1e6:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=8, help="of the random checkpoint (default: 8)")
    parser.add_argument("--canvas", type=int, nargs=2, default=(384, 512), help="its width and height")
    parser.add_argument("--json", action="store_true", help="one line and nothing else")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = {"published, float16, activations alone": published()}
    width, height = options.canvas
    with tempfile.TemporaryDirectory() as folder:
        make_checkpoint(Path(folder), width=options.width)
        for profile in PROFILES:
            title = (
                f"random checkpoint of width {options.width}, {width}x{height}, float32, profile {profile}"
            )
            results[title] = in_profile(Path(folder), profile, (width, height))
    if options.json:
        print(json.dumps({title: [vars(row) for row in rows] for title, rows in results.items()}))
    else:
        show(table(title, rows) for title, rows in results.items())
    return 0


if __name__ == "__main__":
    sys.exit(main())
