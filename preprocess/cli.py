"""``python -m preprocess photo.jpg -o out/``: every artefact of one photo as JSON and PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from preprocess.artefacts import write_garment, write_person
from preprocess.decode import Limits, decode
from preprocess.errors import InputError
from preprocess.garment import prepare_garment
from preprocess.garment.worn import take_off
from preprocess.models import DEFAULT_DIRECTORY, ModelsError
from preprocess.person import prepare_person
from preprocess.providers.artefacts import Artefacts
from preprocess.providers.embedded import EmbeddedProvider
from preprocess.providers.full import accepted_sets
from preprocess.types import Person, Photo
from preprocess.weights import WeightsError

REFUSED, UNAVAILABLE = 3, 4
"""Exit codes: the picture cannot be used; something is missing on this machine."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    photo: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, readable=True, help="JPEG, PNG, WebP, AVIF or HEIC."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the artefacts.")],
    garment: Annotated[
        bool, typer.Option("--garment", help="The photo shows a garment, not a person.")
    ] = False,
    worn: Annotated[
        bool, typer.Option("--worn", help="With --garment: somebody wears it, take it off.")
    ] = False,
    category: Annotated[
        Literal["auto", "upper", "lower", "dress"], typer.Option(help="Of a garment.")
    ] = "auto",
    width: Annotated[int, typer.Option(min=64, help="Largest width of the person's frame.")] = 768,
    height: Annotated[int, typer.Option(min=64, help="Largest height of the person's frame.")] = 1024,
    models: Annotated[
        Path, typer.Option(envvar="CABINE_MODELS", help="Folder of the model files.")
    ] = DEFAULT_DIRECTORY,
    weights: Annotated[
        Path, typer.Option(envvar="CABINE_WEIGHTS", help="Folder of weights: full networks, where they are.")
    ] = Path("weights"),
    accepted_licenses: Annotated[
        str,
        typer.Option(
            envvar="CABINE_ACCEPTED_LICENSES",
            help="`preprocess-full`: you accept that the full networks are for non-commercial use.",
        ),
    ] = "",
    threads: Annotated[int, typer.Option(min=1, help="Threads of the models.")] = 2,
) -> None:
    """Write every artefact of a photo, each with its convention tag and its frame."""
    try:
        picture = decode(photo.read_bytes(), Limits())
        if garment and worn:
            person = _person(picture, (width, height), EmbeddedProvider(models, threads))
            written = write_garment(take_off(person, category=category), out)
        elif garment:
            written = write_garment(prepare_garment(picture, category=category), out)
        else:
            person = _person(picture, (width, height), EmbeddedProvider(models, threads))
            owners = {name.strip() for name in accepted_licenses.split(",")}
            artefacts = Artefacts(weights, threads, accepted_sets(weights, owners))
            written = write_person(person, out, artefacts)
    except InputError as error:
        typer.echo(f"{photo}: {error.slug}: {error.detail}", err=True)
        raise typer.Exit(REFUSED) from error
    except (ModelsError, WeightsError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNAVAILABLE) from error
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        raise typer.Exit(1) from error
    for path in written:
        typer.echo(path)


def _person(photo: Photo, canvas: tuple[int, int], provider: EmbeddedProvider) -> Person:
    person = prepare_person(photo, provider, canvas)
    for notice in person.notices:
        typer.echo(f"{notice.name}: {notice.detail}", err=True)
    return person
