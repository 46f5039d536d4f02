"""Photos to artefacts: decode, frame, pose, parsing, masks, garment cut-out; no torch, no web.

    photo = decode(data, Limits())                                  # preprocess.decode
    provider = EmbeddedProvider(Path("models"), threads=2)          # preprocess.providers.embedded
    person = prepare_person(photo, provider, canvas=(768, 1024))    # preprocess.person
    garment = prepare_garment(decode(other, Limits()))              # preprocess.garment
    mask = agnostic_mask(person, "upper")                           # preprocess.agnostic

Only the data types are loaded here: whoever needs them alone does not wait for OpenCV.
"""

from preprocess.errors import InputError
from preprocess.types import Frame, Garment, Mask, Notice, Person, Photo, Pose

__all__ = ["Frame", "Garment", "InputError", "Mask", "Notice", "Person", "Photo", "Pose"]
