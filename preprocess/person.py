"""A photo becomes a :class:`Person`: find, choose, frame, look again, parse; or it is refused by name."""

from __future__ import annotations

import numpy as np

from preprocess.errors import InputError
from preprocess.geometry import Box, Size, frame_box, frame_image
from preprocess.notices import person_notices
from preprocess.parsing import parse
from preprocess.pose import (
    LEFT_HIP,
    LEFT_SHOULDER,
    MIN_VISIBILITY,
    NOSE,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    face_region,
    facing_front,
)
from preprocess.providers.base import BodyEstimate, BodyProvider, Detection
from preprocess.types import Frame, Person, Photo, Pose, Rgb

OVERVIEW_SIDE = 1024  # longer side of the view people are looked for in; the models see 256 px
OVERVIEW_SHORT_SIDE = 448  # at least, for wide pictures are searched in square tiles
MIN_SCORE = 0.52  # detection times estimate: 40 photos of people have .73 and more, 42 of garments .47
RIVAL = 0.65  # a second person whose body is this large beside the first makes the choice unclear
SAME_PERSON = 0.5  # hips nearer than this share of the radius are one person found twice
LEAST_TORSO = 48  # photo pixels: a figure of 160 px, the least side of a photo
MAX_LEAN = np.radians(60)  # of the spine from upright; 10 degrees at most in 40 photos
MIN_TORSO = 0.5  # share of shoulder line to hip line that must lie in the picture


def prepare_person(photo: Photo, provider: BodyProvider, canvas: Size) -> Person:
    """Everything about the person of a photo in a frame that is at most ``canvas`` (width, height) large.

    Raises :class:`InputError`: ``no-person``, ``several-people``, ``body-not-visible``.
    """
    overview = _overview(photo)
    view = frame_image(photo.rgb, overview)
    found = _choose(view, provider)
    box = _body_box(found, overview, photo)
    frame = frame_box(box, (photo.width, photo.height), canvas)
    image = photo.rgb if frame == Frame.whole(photo.width, photo.height) else frame_image(photo.rgb, frame)
    if frame != overview:
        found = provider.estimate(image, _moved(found.refined, overview, frame))
        if not _certain(found):
            raise _nobody()
    pose = _pose(found, frame, photo)
    _require_torso(pose, photo)
    face = face_region(pose)
    parsing = parse(image, pose, face, found.segmentation)
    return Person(
        photo=photo,
        frame=frame,
        image=image,
        pose=pose,
        face=face,
        matte=parsing.matte,
        parsing=parsing.labels,
        waist=parsing.waist,
        waist_confidence=parsing.waist_confidence,
        notices=(*person_notices(image, pose, parsing.matte.alpha), *parsing.notices),
    )


def person_score(photo: Photo, provider: BodyProvider, *, closely: bool = True) -> float:
    """0..1: is somebody in the picture. Detector and landmarks together: either alone takes a ghost mannequin
    for a person. Not ``closely``: small figures do not matter."""
    view = frame_image(photo.rgb, _overview(photo))
    found = provider.find_people(view, closely=closely)
    return found[0].score * provider.estimate(view, found[0]).score if found else 0.0


def _overview(photo: Photo) -> Frame:
    sides = photo.width, photo.height
    scale = min(1.0, max(OVERVIEW_SIDE / max(sides), OVERVIEW_SHORT_SIDE / min(sides)))
    width, height = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    return Frame(x0=0.0, y0=0.0, scale=scale, width=width, height=height)


def _choose(view: Rgb, provider: BodyProvider) -> BodyEstimate:
    """The one person who dominates the picture."""
    people: list[BodyEstimate] = []
    for detection in sorted(provider.find_people(view), key=lambda d: -_weight(d, view)):
        found = provider.estimate(view, detection)
        if _certain(found) and not any(_same(found.refined, other.refined) for other in people):
            people.append(found)
        if len(people) == 2:
            break
    if not people:
        raise _nobody()
    if len(people) == 2 and _weight(people[1].refined, view) > RIVAL * _weight(people[0].refined, view):
        raise InputError(
            "several-people",
            "the picture shows several people of about the same size; crop it to the person who tries on",
        )
    return people[0]


def _certain(found: BodyEstimate) -> bool:
    return found.refined.score * found.score >= MIN_SCORE


def _nobody(found: str = "no person was found in the picture") -> InputError:
    advice = "send a photo that shows one person from head to hips, upright and well lit"
    return InputError("no-person", f"{found}; {advice}")


def _weight(detection: Detection, view: Rgb) -> float:
    """Size of the body, less when it stands at the side of the picture (down to 70 %)."""
    width = view.shape[1]
    off_centre = min(1.0, abs(detection.hip[0] - width / 2) / (width / 2))
    return float(detection.radius * (1 - 0.3 * off_centre))


def _same(one: Detection, other: Detection) -> bool:
    apart = np.hypot(one.hip[0] - other.hip[0], one.hip[1] - other.hip[1])
    return bool(apart < SAME_PERSON * max(one.radius, other.radius))


def _body_box(found: BodyEstimate, overview: Frame, photo: Photo) -> Box:
    """Box around what is visible of the body, in photo pixels: segmentation and visible landmarks."""
    corners = [found.points[found.visibility >= MIN_VISIBILITY]]
    body = found.segmentation > 0.5
    rows, columns = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    if len(rows):
        corners.append(np.array([[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]], np.float32))
    everything = overview.to_photo(np.concatenate(corners))
    if not len(everything):
        return 0.0, 0.0, float(photo.width), float(photo.height)
    size = np.array([photo.width, photo.height])
    low, high = np.clip(everything.min(axis=0), 0, size), np.clip(everything.max(axis=0), 0, size)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _moved(detection: Detection, source: Frame, target: Frame) -> Detection:
    points = np.array([detection.hip, detection.reach], np.float32)
    hip, reach = target.from_photo(source.to_photo(points))
    return Detection(
        score=detection.score, hip=(float(hip[0]), float(hip[1])), reach=(float(reach[0]), float(reach[1]))
    )


def _pose(found: BodyEstimate, frame: Frame, photo: Photo) -> Pose:
    """Landmarks in the frame; what lies outside the photo is not visible, whatever the model believes."""
    at = frame.to_photo(found.points)
    inside = np.all((at >= 0) & (at < (photo.width, photo.height)), axis=1)
    pose = Pose(
        tag="blaze33",
        frame=frame,
        points=found.points,
        visibility=(found.visibility * inside).astype(np.float32),
        depth=found.depth,
        score=found.refined.score * found.score,
    )
    return pose if inside[NOSE] else facing_front(pose)


def _require_torso(pose: Pose, photo: Photo) -> None:
    """Refuse what no top can be laid on: too small, not upright, shoulders or upper torso not shown."""
    pairs = [[LEFT_SHOULDER, RIGHT_SHOULDER], [LEFT_HIP, RIGHT_HIP]]
    shoulders, hips = pose.frame.to_photo(pose.points[pairs].mean(axis=1))
    across, down = hips - shoulders
    if np.hypot(across, down) < LEAST_TORSO:
        raise _nobody("no person large enough was found in the picture")
    if down < abs(across) * np.tan(np.pi / 2 - MAX_LEAN):
        detail = "the person lies sideways or upside down in the picture; rotate the photo upright"
        raise InputError("body-not-visible", detail)
    joints = {"left shoulder": LEFT_SHOULDER, "right shoulder": RIGHT_SHOULDER}
    missing = [name for name, index in joints.items() if pose.visibility[index] < MIN_VISIBILITY]
    if photo.height - shoulders[1] < MIN_TORSO * down:
        missing.append("torso down to the waist")
    if missing:
        raise InputError(
            "body-not-visible",
            f"not visible in the picture: {', '.join(missing)}; send a photo that shows the person from head "
            "to hips with both shoulders",
        )
