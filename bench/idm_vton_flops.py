"""IDM-VTON on the meta device: the engine's own functions with networks that have shapes and no numbers.

Used by ``python -m bench.flops idm-vton``. What is done once for a picture is run once, by a second request,
so that constants of the checkpoint are there already; what is done at every step is run once and multiplied.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import torch
from diffusers import AutoencoderKL
from transformers import CLIPTokenizer

from bench.counting import Counting
from bench.idm_vton_analytic import REFERENCE, Keys, Skips, Work, picture
from bench.table import Cell, Table, show
from inference.engines.idm_vton.architecture import CANVAS, PUBLISHED, RESAMPLER, Config, ResamplerSizes
from inference.engines.idm_vton.attention import Savings
from inference.engines.idm_vton.clip import CLIP, clip_model
from inference.engines.idm_vton.encoders import decode_latents
from inference.engines.idm_vton.engine import blank_inputs
from inference.engines.idm_vton.garment_cache import GarmentCache
from inference.engines.idm_vton.models import Models
from inference.engines.idm_vton.noise import Seeded
from inference.engines.idm_vton.observe import ignore
from inference.engines.idm_vton.resampler import Resampler
from inference.engines.idm_vton.sampling import predict_noise, prepare
from inference.engines.idm_vton.settings import QUALITY, SamplingSettings
from inference.engines.idm_vton.unets import (
    GarmentUnet,
    TryOnUnet,
    dead_modules,
    garment_model,
    remove_modules,
    tryon_model,
)

META = torch.device("meta")
TOLERANCE = 0.2e12
"""Operations that a count may differ from the formula."""
TIMESTEP = 958
"""The first of 30; any would do."""
LOG_SUM_EXP = Savings(uncond_lse=True)

STAGES: Mapping[tuple[str, ...], str] = {
    ("text_encoder", "text_encoder_2"): "text encoders",
    ("image_encoder", "resampler"): "image encoder and resampler",
    ("vae",): "VAE encode",
    ("unet_text",): "text and image keys",
    ("garment_text",): "garment caption keys",
}
"""Components that a stage of the preparation asks its placement for -> row of the table."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Operations of one request, by row of the table."""

    once: Mapping[str, int]
    """For each picture."""
    garment: int
    """The garment UNet, for each step."""
    guided: int
    """The try-on UNet, for each step with guidance."""
    plain: int
    """The same for a step without."""

    def picture(self, steps: int, guided_steps: int | None = None) -> Mapping[str, int]:
        """``guided_steps`` of them with guidance, None = all."""
        guided = steps if guided_steps is None else guided_steps
        return {
            **self.once,
            "garment UNet": steps * self.garment,
            "try-on UNet": guided * self.guided + (steps - guided) * self.plain,
        }


class Ledger:
    """A placement that moves nothing and books operations on the stage that asked for it."""

    def __init__(self) -> None:
        self.counter: Counting | None = None
        self.booked: Counter[str] = Counter()

    def on(self, *components: str) -> AbstractContextManager[None]:
        return self.booking(STAGES[components])

    @contextmanager
    def booking(self, name: str) -> Iterator[None]:
        before = self._total()
        yield
        self.booked[name] += self._total() - before

    def _total(self) -> int:
        return self.counter.total if self.counter else 0


def meta_models(configs: Mapping[str, Config], sizes: ResamplerSizes, ledger: Ledger) -> Models:
    """A checkpoint of the given architecture without numbers."""

    def clip(component: str) -> Any:
        def read(skip: frozenset[str]) -> Iterator[tuple[str, torch.Tensor]]:
            whole = CLIP[component].model(CLIP[component].config(**configs[component]))
            yield from ((key, tensor) for key, tensor in whole.state_dict().items() if key not in skip)

        return clip_model(component, configs[component], read, device=META, whole=False)

    with META:
        garment = garment_model(configs["unet_encoder"])
        remove_modules(garment, dead_modules(garment))
        networks: dict[str, Any] = {
            **{component: clip(component) for component in CLIP},
            "resampler": Resampler(sizes),
            "vae": AutoencoderKL(**cast(Any, configs["vae"])),
        }
        tryon = tryon_model(configs["unet"])
    for network in (*networks.values(), tryon, garment):
        network.requires_grad_(False).eval()  # as loading leaves them
    return Models(
        **networks,
        tokenizer=cast(CLIPTokenizer, _Tokenizer()),
        tokenizer_2=cast(CLIPTokenizer, _Tokenizer()),
        unet=TryOnUnet(module=tryon),
        garment_unet=GarmentUnet(module=garment),
        scheduler=configs["scheduler"],
        checkpoint="meta",
        device=META,
        dtype=torch.float32,
        placement=ledger,
    )


class _Tokenizer:
    """Captions have no influence on counts."""

    model_max_length = 77

    def __call__(self, captions: Sequence[str], **_: object) -> SimpleNamespace:
        return SimpleNamespace(input_ids=torch.zeros(len(captions), self.model_max_length, dtype=torch.long))


def count(models: Models, ledger: Ledger, canvas: tuple[int, int], savings: Savings, *, warm: bool) -> Counts:
    """Operations of a request that is not the first of ``models``; ``warm``: its garment is in the cache."""
    settings, inputs = SamplingSettings(steps=1, savings=savings), blank_inputs(canvas)
    cache = GarmentCache(1 << 62, META) if warm else None
    timestep, seeded = torch.tensor(TIMESTEP, device=META), Seeded(0)
    if warm or models.constants.negative is None:
        with torch.no_grad():
            first = prepare(models, inputs, settings, (TIMESTEP,), seeded, garments=cache, observe=ignore)
            first.garment.at(0, timestep)
    ledger.booked.clear()
    with torch.no_grad(), Counting() as ledger.counter:
        conditions = prepare(models, inputs, settings, (TIMESTEP,), seeded, garments=cache, observe=ignore)
        with ledger.booking("garment"):
            features = conditions.garment.at(0, timestep)
        for k, name in enumerate(("guided", "plain")):  # guidance is over after the only step
            with ledger.booking(name):
                predict_noise(
                    models, conditions, settings, k, conditions.latents, timestep, features, observe=ignore
                )
        with ledger.booking("VAE decode"):
            decode_latents(models, conditions.latents)
    step = [ledger.booked.pop(name) for name in ("garment", "guided", "plain")]
    once = {part: ledger.booked[part] for part in (*STAGES.values(), "VAE decode")}
    return Counts(once=once, garment=step[0], guided=step[1], plain=step[2])


def skips(savings: Savings, *, warm: bool) -> Skips:
    """The same choices for the count by formula."""
    zeros: Keys = "zero" if savings.person_queries else "projected"
    return Skips(
        garment_queries=savings.person_queries,
        uncond_keys="none" if savings.person_queries and savings.uncond_lse else zeros,
        text_keys=savings.text_kv_once,
        garment_tail=savings.garment_early_stop,
        constants=savings.constants_once,
        garment=warm,
    )


CHOICES: Mapping[str, tuple[Savings, bool]] = {
    "default": (Savings(), False),
    "log-sum-exp": (LOG_SUM_EXP, False),
    "known garment": (Savings(), True),
    "both": (LOG_SUM_EXP, True),
}
"""Column -> savings, and whether the garment is in the cache."""
JSON_NAMES = {"default": "default_tflop", "log-sum-exp": "lse_tflop", "both": "warm_tflop"}


def report(*, steps: int, as_json: bool) -> int:
    """Count, compare with the formula, print. 1 where they differ by more than :data:`TOLERANCE`."""
    work = Work(canvas=CANVAS, steps=steps)
    ledger = Ledger()
    models = meta_models(PUBLISHED, RESAMPLER, ledger)
    choices = {title: CHOICES[title] for title in (JSON_NAMES if as_json else CHOICES)}
    counts = {
        title: count(models, ledger, CANVAS, savings, warm=warm) for title, (savings, warm) in choices.items()
    }
    formulas = {
        title: picture(PUBLISHED, RESAMPLER, work, skips(savings, warm=warm))
        for title, (savings, warm) in choices.items()
    }
    totals = {title: sum(counted.picture(steps).values()) for title, counted in counts.items()}
    wrong = [
        f"{title}: counted {totals[title] / 1e12:.3f} TFLOP, by formula {sum(formula.values()) / 1e12:.3f}"
        for title, formula in formulas.items()
        if abs(totals[title] - sum(formula.values())) > TOLERANCE
    ]
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps({JSON_NAMES[title]: round(total / 1e12, 1) for title, total in totals.items()}))
    else:
        reference = picture(PUBLISHED, RESAMPLER, work, REFERENCE)
        show((_by_part(steps, reference, counts, formulas), _by_quality(counts)))
    return 0


def _by_part(
    steps: int,
    reference: Mapping[str, int],
    counts: Mapping[str, Counts],
    formulas: Mapping[str, Mapping[str, int]],
) -> Table:
    """Parts of a picture; the reference is by formula, which agrees with a count over its own classes."""
    pictures = {title: counted.picture(steps) for title, counted in counts.items()}
    rows: list[list[Cell]] = [
        [part, _tera(reference[part]), *(_tera(each[part]) for each in pictures.values())]
        for part in reference
    ]
    whole = sum(reference.values())
    totals = [sum(each.values()) for each in pictures.values()]
    rows.append(["total", *(f"{each / 1e12:.1f}" for each in (whole, *totals))])
    rows.append(
        ["by formula", *(f"{sum(each.values()) / 1e12:.1f}" for each in (reference, *formulas.values()))]
    )
    rows.append(["saved", "", *(f"{1 - each / whole:.1%}" for each in totals)])
    return Table(
        title=f"TFLOP for one picture of {CANVAS[0]}x{CANVAS[1]}, {steps} steps with guidance",
        columns=["part", "reference", *pictures],
        rows=rows,
    )


def _by_quality(counts: Mapping[str, Counts]) -> Table:
    rows: list[list[Cell]] = []
    for name, recipe in QUALITY.items():
        guided = SamplingSettings(steps=recipe.steps, guided=recipe.guided).guided_steps
        totals = (sum(counted.picture(recipe.steps, guided).values()) for counted in counts.values())
        rows.append([name, recipe.steps, guided, *(f"{total / 1e12:.1f}" for total in totals)])
    return Table(
        title="TFLOP for one picture by quality",
        columns=["quality", "steps", "guided", *counts],
        rows=rows,
    )


def _tera(operations: int) -> str:
    return f"{operations / 1e12:.2f}"
