"""The ``cabine`` program: try, serve, engines, doctor, weights."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from inference import doctor as checkup
from inference import logs
from inference.app import create_app
from inference.config import Settings
from inference.console import err, load_settings, out, plain_errors
from inference.embedded import EmbeddedPreparation
from inference.encode import encode_grey
from inference.form import read_tryon
from inference.installed import engines_here
from inference.pipeline import Outcome, encode_pictures, try_on
from inference.selection import choose, why_not
from inference.server import serve as run_server
from inference.service import build
from inference.stages import Stages
from inference.tryon import ImageFormat
from inference.uploads import Part
from inference.weights.cli import app as weights_app

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Self-hosted virtual try-on: photos of a person and of garments in, that person wearing them out.",
)
app.add_typer(weights_app, name="weights")

SUFFIXES: dict[str, ImageFormat] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


PersonFile = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="Photo of the person.")
]
GarmentFiles = Annotated[
    list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, help="One to four garment photos.")
]
Output = Annotated[Path, typer.Option("--out", "-o", dir_okay=False, help="Result: .png, .jpg or .webp.")]
MaskFile = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Own mask: white may change, the size of the photo."),
]
MaskOutput = Annotated[Path | None, typer.Option(dir_okay=False, help="Also write the mask of what changed.")]
EngineName = Annotated[str, typer.Option(help="auto or a name from `cabine engines`.")]
Categories = Annotated[list[str] | None, typer.Option(help="One for each garment: auto, upper, ...")]
Photos = Annotated[list[str] | None, typer.Option(help="One for each garment: auto, flat, worn.")]
Descriptions = Annotated[list[str] | None, typer.Option(help="Words about each garment.")]
Quality = Annotated[str | None, typer.Option(help="fast, balanced or best.")]
MaskAlgorithm = Annotated[str | None, typer.Option(help="default or reference.")]
Number = Annotated[int | None, typer.Option(help="For engines that take it.")]
Decimal = Annotated[float | None, typer.Option(help="For engines that take it.")]


@app.command("try")
def try_command(
    person: PersonFile,
    garment: GarmentFiles,
    output: Output,
    engine: EngineName = "auto",
    category: Categories = None,
    photo: Photos = None,
    description: Descriptions = None,
    seed: Number = None,
    steps: Number = None,
    guidance: Decimal = None,
    quality: Quality = None,
    mask: MaskFile = None,
    mask_algorithm: MaskAlgorithm = None,
    mask_out: MaskOutput = None,
) -> None:
    """Put garments on a person and write the picture."""
    image_format = SUFFIXES.get(output.suffix.lower())
    if image_format is None:
        raise typer.BadParameter(f"'{output.name}' must end in {', '.join(SUFFIXES)}", param_hint="--out")
    once: dict[str, object] = {"engine": engine, "seed": seed, "steps": steps, "guidance": guidance}
    once |= {"quality": quality, "mask_algorithm": mask_algorithm}
    parts = [
        *_files(person=[person], garment=garment, mask=[mask] if mask else []),
        *_values(category=category or [], photo=photo or [], description=description or []),
        *_values(**{name: [value] for name, value in once.items() if value is not None}),
    ]
    with plain_errors():
        for path in (output, mask_out or output):
            path.parent.mkdir(parents=True, exist_ok=True)
        outcome, picture, seconds = _run(parts, image_format, load_settings())
        output.write_bytes(picture)
        if mask_out is not None:
            mask_out.write_bytes(encode_grey(outcome.pictures[0].mask))
    _report(outcome, output, seconds)


def _files(**paths: list[Path]) -> list[Part]:
    return [
        Part(name=name, data=path.read_bytes(), is_file=True) for name, each in paths.items() for path in each
    ]


def _values(**values: Sequence[object]) -> list[Part]:
    return [
        Part(name=name, data=str(value).encode(), is_file=False)
        for name, each in values.items()
        for value in each
    ]


def _run(
    parts: list[Part], image_format: ImageFormat, settings: Settings
) -> tuple[Outcome, bytes, dict[str, float]]:
    """The service's own form and pipeline, in this process, with a progress bar."""
    registry = engines_here(settings)
    service = build(settings, registry, EmbeddedPreparation(settings))
    request = read_tryon(parts, service.assets.of(None), service.form_limits)
    choice = choose(request.options.engine, registry, settings, request.categories)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("load models", total=None)
        started = time.perf_counter()
        service.tools.preparation.load()
        stages = Stages(
            progress=lambda stage, step, steps: _show(bar, task, stage, step, steps),
            seconds={"load": time.perf_counter() - started},
        )
        outcome = try_on(request, choice, service.tools, stages)
        picture = encode_pictures(outcome, image_format, stages)[0]
    return outcome, picture, {**stages.seconds, "total": time.perf_counter() - started}


STAGES = ("decode", "policy", "person", "garment", "mask", "turn", "engine", "restore", "encode")


def _show(bar: Progress, task: TaskID, stage: str, step: int, steps: int) -> None:
    """Stages count alike; an engine's own steps fill its part of the bar."""
    name = stage.partition(":")[0]
    done = STAGES.index(name) + (step / steps if steps else 0)
    bar.update(task, description=stage, completed=done, total=len(STAGES))


def _report(outcome: Outcome, output: Path, seconds: dict[str, float]) -> None:
    spec = outcome.choice.spec
    stages = "  ".join(f"{name} {value:.2f}" for name, value in seconds.items())
    kind = " (a preview, not a photo)" if spec.preview else ""
    out.print(f"{output}: {spec.name}{kind}, confidence {outcome.confidence:.2f}, {seconds['total']:.1f} s")
    out.print(f"  engine: {outcome.choice.reason}; licence of the weights: {spec.weights_license}")
    out.print(f"  seconds: {stages}")
    if outcome.sampling:
        out.print(f"  sampling: {outcome.sampling}, seed {outcome.params.seed}")
    for notice in outcome.notices:
        out.print(f"  warning {notice.name}: {notice.detail}")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Default: CABINE_INFERENCE_HOST or 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Default: CABINE_INFERENCE_PORT or 8001.")
    ] = None,
) -> None:
    """Run the inference service until SIGTERM; running requests and jobs are finished first."""
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)
    with plain_errors():
        application = create_app(settings)
    port = settings.inference_port if port is None else port
    run_server(application, settings, host=host or settings.inference_host, port=port)


@app.command()
def engines() -> None:
    """List the engines, and why one cannot run here."""
    settings = load_settings()
    registry = engines_here(settings)
    table = Table("engine", "what it is", "takes", "licence of weights", "here", box=None, pad_edge=False)
    reasons = {}
    for entry in registry.entries.values():
        spec = entry.spec
        commercial = "" if spec.commercial_use else " (non-commercial)"
        if reason := why_not(spec, registry, settings):
            reasons[spec.name] = reason
        table.add_row(
            spec.name,
            spec.title,
            ", ".join(sorted(spec.categories)),
            spec.weights_license + commercial,
            "no" if reason else "ready",
        )
    out.print(table)
    for name, reason in reasons.items():  # not in the table: a narrow column cuts commands short
        out.print(f"{name}: {reason}")


COLOURS = {"ok": "green", "note": "yellow", "bad": "red"}


@app.command()
def doctor() -> None:
    """Say what is installed, which engines can run here, and what to do about the rest."""
    settings = load_settings()
    findings = checkup.examine(settings, engines_here(settings))
    for finding in findings:
        out.print(f"{finding.state:4}", style=COLOURS[finding.state], end=" ")
        out.print(f"{finding.subject}: {finding.words}")
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)
