"""``cabine weights``: what there is, bring it, check it, convert it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from inference.config import Settings
from inference.console import REFUSED, UNAVAILABLE, err, load_settings, out, plain_errors
from inference.engines.registry import discover
from inference.installed import engines_here
from inference.weights import conversion, licenses
from inference.weights.catalogue import catalogue, select
from inference.weights.hub import HuggingFaceHub
from inference.weights.pull import pull, readable
from inference.weights.requirement import variants_here
from inference.weights.selftest import cannot_run, category_of, self_test
from inference.weights.verify import verify
from preprocess.weights import WeightSet, missing_words, unrecorded_words

app = typer.Typer(
    no_args_is_help=True, help="Checkpoints of engines and networks of preprocessing, kept in CABINE_WEIGHTS."
)

Owner = Annotated[str, typer.Argument(help="An engine, or a set of networks, from `cabine weights list`.")]
Variant = Annotated[str | None, typer.Option(help="One of its checkpoints, or all; default: the first.")]
DeletePickle = Annotated[
    bool, typer.Option("--delete-pickle", help="Delete the pickle once it is converted.")
]


@app.command("list")
def list_command() -> None:
    """Say what can be had, what is here, and under which licence."""
    settings = load_settings()
    for wanted in _all_sets():
        source = f"space {wanted.repo}" if wanted.repo_type == "space" else wanted.repo or "your own export"
        licence = wanted.license + ("" if wanted.commercial_use else " (non-commercial)")
        out.print(f"{wanted.owner} {wanted.name}: {wanted.title}")
        out.print(f"  {state(wanted, settings.weights)}")
        out.print(f"  from {source}, licence {licence}")
    out.print(f"folder: {settings.weights} (CABINE_WEIGHTS)")


def state(wanted: WeightSet, weights: Path) -> str:
    """Complete, or what to do about it."""
    absent, total = wanted.missing(weights), len(wanted.files)
    if absent:
        size = f", about {readable(wanted.download_mb * 10**6)}" if wanted.download_mb else ""
        what = f"not here{size}" if len(absent) == total else f"{len(absent)} of {total} files missing"
        return f"{what}; {wanted.remedy}"
    if conversion.pickles(wanted, weights):
        words = f"complete, not converted: cabine weights convert {wanted.owner} --variant {wanted.name}"
    else:
        words = "complete"
    return f"{words}; {unrecorded_words(wanted)}" if wanted.unrecorded(weights) else words


@app.command("pull")
def pull_command(
    owner: Owner,
    variant: Variant = None,
    repo: Annotated[
        str | None, typer.Option(help="Another repository of the same layout: owner/name.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit; default: that of the first pull.")
    ] = None,
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="You read the licence that is shown and keep to it.")
    ] = False,
    delete_pickle: DeletePickle = False,
    no_self_test: Annotated[
        bool, typer.Option("--no-self-test", help="Do not try the engine at the end.")
    ] = False,
) -> None:
    """Download what is missing, check and record it, convert pickles, try the engine on a sample."""
    settings = load_settings()
    with plain_errors():
        chosen = select(known_sets(), owner, variant)
        if len(chosen) > 1 and (repo or revision):
            raise typer.BadParameter("--repo and --revision go with one set; name it with --variant")
        for wanted in chosen:
            agree(wanted, settings.weights, accept_license)
        if repo and repo not in {wanted.repo for wanted in chosen}:
            out.print(f"{repo} may have a licence of its own, which is not known here: read it there")
        for wanted in chosen:
            out.print(f"{wanted.owner} {wanted.name}: {wanted.title}")
            if repo or wanted.repo or wanted.missing(settings.weights):
                pull(wanted, settings.weights, HuggingFaceHub(), out.print, repo=repo, revision=revision)
            else:  # an export of the user's own, which nobody publishes
                verify(wanted, settings.weights, out.print)
            convert(wanted, settings.weights, delete_pickle)
            out.print(f"complete in {wanted.folder(settings.weights)}")
        skipped = None if no_self_test else test_engine(chosen, settings)
    if skipped is not None:
        out.print(f"self-test skipped: {skipped}")


def agree(wanted: WeightSet, weights: Path, accept: bool) -> None:
    """Show a non-commercial licence and record its acceptance; stop where nobody ever accepted it."""
    if wanted.commercial_use or (licenses.accepted(weights, wanted.owner, wanted.license) and not accept):
        return
    out.print(licenses.words(wanted))
    if not accept:
        err.print(f"license: accept it with: {wanted.pull_command}")
        raise typer.Exit(REFUSED)
    licenses.accept(weights, wanted, wanted.pull_command)
    out.print(f"accepted; recorded in {weights / licenses.RECORD}")


@app.command("self-test")
def self_test_command(owner: Owner, variant: Variant = None) -> None:
    """Two steps on a sample photo; prints a report to paste into an issue."""
    settings = load_settings()
    with plain_errors():
        skipped = test_engine(select(known_sets(), owner, variant), settings)
    if skipped is not None:
        err.print(f"self-test: {skipped}")
        raise typer.Exit(UNAVAILABLE)


def test_engine(chosen: tuple[WeightSet, ...], settings: Settings) -> str | None:
    """Run the engine of these sets once for each of them; the reason, where one cannot run here."""
    registry = engines_here(settings)
    for wanted in chosen:
        if wanted.owner not in registry.entries:
            return f"networks of {wanted.owner} are tried with the engine that uses them"
        spec = registry.entries[wanted.owner].spec
        reason = cannot_run(spec, registry, settings)
        if reason is not None:
            return reason
        if absent := wanted.missing(settings.weights):
            return missing_words(wanted, absent)
        category = category_of(wanted.name, variants_here(spec, settings.weights))
        report = self_test(spec, category, registry, settings)
        out.print(report.text())
        if not report.passed:
            raise typer.Exit(1)
    return None


@app.command("verify")
def verify_command(
    owner: Annotated[str | None, typer.Argument(help="Default: everything that is here.")] = None,
    variant: Variant = None,
) -> None:
    """Compute every SHA-256 again; a folder copied by hand gets its manifest the first time."""
    settings = load_settings()
    if variant and not owner:
        raise typer.BadParameter("--variant goes with the name of an engine or set of networks")
    with plain_errors():
        chosen = select(known_sets(), owner, variant) if owner else _begun(settings.weights)
        if not chosen:
            out.print(f"no weights in {settings.weights}; `cabine weights list` says what can be had")
        for wanted in chosen:
            verify(wanted, settings.weights, out.print)


@app.command("convert")
def convert_command(owner: Owner, variant: Variant = None, delete_pickle: DeletePickle = False) -> None:
    """Make safetensors in float16 of a published pickle; the pickle is never loaded again."""
    settings = load_settings()
    with plain_errors():
        for wanted in select(known_sets(), owner, variant):
            if not convert(wanted, settings.weights, delete_pickle):
                out.print(f"{wanted.owner} {wanted.name}: nothing to convert")


def convert(wanted: WeightSet, weights: Path, delete_pickle: bool) -> bool:
    """Convert with a progress bar, then delete or name the pickles; False where there was nothing to do."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("convert", total=None)
        written = conversion.convert(
            wanted, weights, lambda done, total: bar.update(task, completed=done, total=total)
        )
    for path in written:
        out.print(f"converted to {path}")
    left = conversion.leftovers(wanted, weights)
    if left and delete_pickle:
        for pickle in left:
            pickle.unlink()
            out.print(f"deleted {pickle}")
    elif written and left:
        size = readable(sum(pickle.stat().st_size for pickle in left))
        out.print(
            f"the pickle is not needed any more; to get {size} back: "
            f"cabine weights convert {wanted.owner} --variant {wanted.name} --delete-pickle"
        )
    return bool(written) or (bool(left) and delete_pickle)


def known_sets() -> Mapping[str, tuple[WeightSet, ...]]:
    return catalogue(entry.spec for entry in discover().entries.values())


def _all_sets() -> list[WeightSet]:
    return [wanted for sets in known_sets().values() for wanted in sets]


def _begun(weights: Path) -> list[WeightSet]:
    """Sets of which something is here."""
    return [wanted for wanted in _all_sets() if len(wanted.missing(weights)) < len(wanted.files)]
