"""The published idm-vton on a GPU that is not there: bytes on it, stage by stage, beside the planned ones.

    python -m bench.idm_vton_fake_gpu [--profile 24gb 16gb 12gb 8gb] [--pictures 1] [--uncond-lse]

Runs the engine's own code at 768x1024 in float16 on tensors that have a device and a size but no numbers
(``tests/fake_gpu.py``): text, garment, VAE, one step of both UNets. Weights move as in the profile, and an
operation on tensors of two devices would raise. Takes no GPU, no weights and 10 to 60 s a profile; tells
nothing of time, and not what kernels allocate inside (the planner keeps a reserve for it).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

import torch
from torch import Tensor, nn

from bench.idm_vton_flops import Ledger, meta_models
from bench.idm_vton_memory import Counted, request, table, unreal
from bench.live_bytes import LiveBytes, parameter_bytes
from bench.table import show
from inference.engines.idm_vton import kernels, streaming
from inference.engines.idm_vton.activations import Work
from inference.engines.idm_vton.architecture import CANVAS, PUBLISHED, RESAMPLER
from inference.engines.idm_vton.attention import Savings
from inference.engines.idm_vton.memory import Plan, make_plan
from inference.engines.idm_vton.models import Models, Resident
from inference.engines.idm_vton.placement import CPU, Moving
from inference.engines.idm_vton.profiles import PROFILES
from inference.engines.idm_vton.sizes import COMPONENTS, PUBLISHED_ARCHITECTURE, Component
from tests.fake_gpu import FakeStreams, fake_gpu

CUDA = torch.device("cuda:0")
DTYPE = torch.float16


class OnGpu(LiveBytes):
    """Counts what is on the GPU, not what waits on the host."""

    def _see(self, tensor: Tensor) -> None:
        if tensor.device.type == CUDA.type:
            super()._see(tensor)


def on_fake_gpu(profile: str, *, pictures: int, uncond_lse: bool) -> list[Counted]:
    """All bytes on the GPU at each stage's fullest moment, weights among them."""
    work = Work(canvas=CANVAS, pictures=pictures)
    plan = make_plan(PUBLISHED_ARCHITECTURE, PROFILES[profile], work)
    savings = Savings(uncond_lse=uncond_lse, vae_batch=plan.profile.vae_batch)
    models = meta_models(PUBLISHED, RESAMPLER, Ledger())
    with _stood_in():
        models, resting = _placed(models, plan)
        request(models, CANVAS, savings, pictures)  # makes the constants of the checkpoint, and keeps them
        peaks = request(models, CANVAS, savings, pictures, counter=OnGpu)
    return [
        Counted(stage=stage.name, planned=stage.peak, counted=resting + peaks[stage.name])
        for stage in plan.stages
        if stage.name in peaks
    ]


def _placed(models: Models, plan: Plan) -> tuple[Models, int]:
    """The models as the profile wants them, and the bytes of their weights on the GPU between requests."""
    parts = _parts(models)
    resident = plan.profile.stays == frozenset(COMPONENTS)
    for network in parts.values():
        unreal(network, DTYPE, CUDA if resident else CPU)
    models = replace(models, device=CUDA, dtype=DTYPE)
    if resident:
        return replace(models, placement=Resident()), sum(map(parameter_bytes, parts.values()))
    moving = Moving(plan, CUDA)
    for component, network in parts.items():
        moving.take(component, network)
    return replace(models, placement=moving), moving.device_bytes


def _parts(models: Models) -> Mapping[Component, nn.Module]:
    return {
        "unet": models.unet.module,
        "resampler": models.resampler,
        "garment_unet": models.garment_unet.module,
        "text_encoder": models.text_encoder,
        "text_encoder_2": models.text_encoder_2,
        "image_encoder": models.image_encoder,
        "vae": models.vae,
    }


@contextmanager
def _stood_in() -> Iterator[None]:
    """A fake GPU, and stand-ins for what torch asks a card for."""
    streams = FakeStreams().as_cuda()
    stand_in = SimpleNamespace(cuda=streams, empty=torch.empty, uint8=torch.uint8)
    with (
        mock.patch.object(streaming, "torch", stand_in),
        mock.patch.object(kernels, "has_flash", return_value=True),
        fake_gpu(),
    ):
        yield


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [name for name in PROFILES if name != "cpu"]
    parser.add_argument("--profile", nargs="+", choices=names, default=names)
    parser.add_argument("--pictures", type=int, default=1)
    parser.add_argument("--uncond-lse", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for profile in options.profile:
        rows = on_fake_gpu(profile, pictures=options.pictures, uncond_lse=options.uncond_lse)
        show([table(f"profile {profile}, {options.pictures} at once, 768x1024, float16", rows)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
