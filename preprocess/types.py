"""The data that flows through preprocessing: plain frozen dataclasses, no behaviour beyond coordinate maps.

Conventions used everywhere:

* images are ``uint8`` RGB ``(H, W, 3)``; mattes, masks and other weights are ``float32 (H, W)`` in 0..1;
* coordinates are continuous ``(x, y)`` pixels: pixel column ``j`` covers ``[j, j + 1)`` and its centre is ``j
  + 0.5``;
* body parts carry the person's own left and right (as COCO does); garments and everything that joins a
  garment to a body use the viewer's sides, ``Sides(left, right)`` = left and right in the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""``uint8 (H, W, 3)``, sRGB, colour order R, G, B."""
Alpha = NDArray[np.float32]
"""``float32 (H, W)``, 0..1."""
Points = NDArray[np.float32]
"""``float32 (N, 2)``, continuous ``(x, y)`` pixels of the frame they belong to."""

T = TypeVar("T")

BASIC_LABELS = (
    "background",
    "hair",
    "face",
    "neck",  # neck and bare torso skin
    "left_arm",  # bare skin of the person's own left arm, without the hand
    "right_arm",
    "hands",
    "upper",  # clothes of the upper body, sleeves included
    "lower",
    "legs",  # bare skin of the legs
    "shoes",
)
"""Label names of the ``basic`` parsing convention; the value in a label map is the index in this tuple."""

ATR_LABELS = (
    *("background", "hat", "hair", "sunglasses", "upper_clothes", "skirt", "pants", "dress", "belt"),
    *("left_shoe", "right_shoe", "head", "left_leg", "right_leg", "left_arm", "right_arm", "bag", "scarf"),
    "neck",  # not of ATR: head that a LIP parsing does not call face, as IDM-VTON adds it
)
"""Label names of the ``atr18`` parsing convention: ATR's 18 (Liang et al., 2015; SCHP's order) and neck."""

LABELS = {"basic": BASIC_LABELS, "atr18": ATR_LABELS}
"""Conventions whose labels can be asked for by name."""

Category = str
"""``upper``, ``lower``, ``dress``, ...: a capability each engine lists, not a closed set."""
PhotoKind = Literal["flat", "worn"]
SleeveLength = Literal["sleeveless", "short", "long"]
CollarKind = Literal["crew", "scoop", "v", "collared", "boat", "straps", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Sides(Generic[T]):
    """One value for each side of the picture, as the viewer sees it."""

    left: T
    right: T

    def __getitem__(self, side: Literal["left", "right"]) -> T:
        return self.left if side == "left" else self.right


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A named warning: ``name`` is a stable slug, ``detail`` plain words with what to do."""

    name: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where an image lies on the upright photo: a uniform scale and a shift, no rotation.

    ``x_frame = (x_photo - x0) * scale`` and the same for y; ``x0``, ``y0`` are photo pixels (negative =
    padding), ``width`` and ``height`` the size of the frame in its own pixels.
    """

    x0: float
    y0: float
    scale: float
    width: int
    height: int

    def __post_init__(self) -> None:
        if not (self.scale > 0 and self.width > 0 and self.height > 0):
            raise ValueError(f"a frame needs a positive scale and size, got {self}")

    @staticmethod
    def whole(width: int, height: int) -> Frame:
        """The frame that is the photo itself."""
        return Frame(x0=0.0, y0=0.0, scale=1.0, width=width, height=height)

    def from_photo(self, points: Points) -> Points:
        """Photo pixels ``(N, 2)`` to frame pixels."""
        return ((points - (self.x0, self.y0)) * self.scale).astype(np.float32)

    def to_photo(self, points: Points) -> Points:
        """Frame pixels ``(N, 2)`` to photo pixels; the exact inverse of :meth:`from_photo`."""
        return (points / self.scale + (self.x0, self.y0)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A decoded picture: upright, sRGB, 8 bit, alpha laid over white, metadata dropped."""

    rgb: Rgb
    sha256: str
    """Hex digest of the bytes it was decoded from (the key of caches)."""
    format: str
    """Container it came in: ``JPEG``, ``PNG``, ``WEBP``, ``AVIF``, ``HEIF``."""

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Body landmarks of one convention (``tag``) in one frame."""

    tag: Literal["blaze33", "coco18", "body25"]
    frame: Frame
    points: Points
    visibility: NDArray[np.float32]
    """``(N,)`` 0..1: is the joint inside the picture and not hidden."""
    depth: NDArray[np.float32]
    """``(N,)`` frame pixels relative to the hips, negative = nearer to the camera; zeros where unknown."""
    score: float
    """0..1: the detector's confidence that this is a person."""


@dataclass(frozen=True, kw_only=True)
class FaceRegion:
    """An ellipse over the face (forehead to chin, no hair), in frame pixels."""

    frame: Frame
    centre: tuple[float, float]
    half_width: float
    half_height: float
    down: tuple[float, float]
    """Unit vector from the eyes to the chin."""
    chin: tuple[float, float]
    visible: bool


@dataclass(frozen=True, kw_only=True)
class LabelMap:
    """Human parsing of one convention."""

    tag: Literal["basic", "lip20", "atr18", "cihp20", "fashn18"]
    frame: Frame
    labels: NDArray[np.uint8]
    """``(H, W)`` indices into the convention's label names."""
    soft: NDArray[np.float16]
    """``(H, W, K)`` memberships, summing to 1; anti-aliased at borders."""
    confidence: Mapping[str, float]
    """0..1 for every label that occurs: for ``basic`` how well colours and geometry agreed on it, for
    networks the mean probability."""

    def weight(self, *names: str) -> Alpha:
        """Sum of the memberships of some labels of this convention, ``float32 (H, W)``; 0 without any."""
        total = np.zeros(self.labels.shape, np.float32)
        for index in self.indices(*names):
            total += self.soft[..., index]
        return total

    def region(self, *names: str) -> NDArray[np.bool_]:
        """Pixels whose label is one of ``names``, labels of this convention."""
        return np.isin(self.labels, self.indices(*names))

    def indices(self, *names: str) -> list[int]:
        """Values of some labels; raises ``ValueError`` for names of another convention."""
        known = LABELS.get(self.tag, ())
        strange = [name for name in names if name not in known]
        if strange:
            raise ValueError(
                f"parsing {self.tag!r} has no labels {strange}; it has {', '.join(known) or 'no names'}"
            )
        return [known.index(name) for name in names]


@dataclass(frozen=True, kw_only=True)
class DensePose:
    """Which part of the body's surface each pixel shows (Güler et al., DensePose, CVPR 2018)."""

    tag: Literal["densepose-parts"]
    frame: Frame
    parts: NDArray[np.uint8]
    """``(H, W)`` 0 = background, 1..24 = DensePose's body parts (1, 2 torso back and front, 3, 4 right and
    left hand, ... 23, 24 face right and left)."""
    approximate: bool
    """Painted from pose and parsing, not predicted by a DensePose network."""


@dataclass(frozen=True, kw_only=True)
class Mask:
    """A soft region of a frame: 1 = belongs to it (agnostic mask: may change)."""

    tag: Literal["matte", "agnostic", "input"]
    frame: Frame
    alpha: Alpha


@dataclass(frozen=True, kw_only=True)
class Person:
    """Everything known about the person of one photo, all in one working frame."""

    photo: Photo
    frame: Frame
    image: Rgb
    """The photo seen through ``frame`` (padding repeats the border)."""
    pose: Pose
    face: FaceRegion
    matte: Mask
    parsing: LabelMap
    waist: float
    """Where the upper clothes end on the spine: 0 = shoulder line, 1 = hip line."""
    waist_confidence: float
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GarmentLandmarks:
    """Landmarks of a top, lying flat and upright, in pixels of the garment's frame; viewer's sides."""

    centre_x: float
    neck: Sides[tuple[float, float]]
    """Where collar and shoulder seam meet: the ends of the neck opening."""
    shoulder: Sides[tuple[float, float]]
    """Shoulder tip: top of the armhole."""
    armpit: Sides[tuple[float, float]]
    hem: Sides[tuple[float, float]]
    sides: NDArray[np.float32]
    """``(n, 3)`` rows ``y, x_left, x_right`` of the torso's outline, from armpit to hem, sleeves excluded."""
    sleeves: Sides[Sleeve] | None
    """None for a sleeveless garment."""
    confidence: float
    """0..1: were the landmarks seen on both sides and do they mirror each other."""


@dataclass(frozen=True, kw_only=True)
class Sleeve:
    """One sleeve of a flat garment, in pixels of the garment's frame."""

    outer: Points
    """Edge from the shoulder tip to the cuff's outer corner."""
    inner: Points
    """Edge from the armpit to the cuff's inner corner."""
    region: Alpha
    """``(h, w)`` which pixels of the garment are this sleeve."""
    overlaps_torso: bool
    """The sleeve lies over or against the torso, so that its inner edge was estimated."""


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One leg of flat trousers or shorts, in pixels of the garment's frame."""

    outer: Points
    """Edge from the height of the crotch to the hem's outer corner."""
    inner: Points
    """Edge from the crotch to the hem's inner corner."""


@dataclass(frozen=True, kw_only=True)
class LowerLandmarks:
    """Landmarks of what is worn below the waist, lying flat and upright, in pixels of the garment's frame;
    viewer's sides. On a dress: its part below the waist."""

    waist: Sides[tuple[float, float]]
    """Ends of the upper edge."""
    hem: Sides[tuple[float, float]]
    """Outer ends of the lower edge (of both legs)."""
    sides: NDArray[np.float32]
    """``(n, 3)`` rows ``y, x_left, x_right`` of the outline from the waist to the crotch, to the hem of a
    skirt."""
    legs: Sides[Leg] | None
    """None for a skirt."""
    confidence: float
    """0..1: were waist, crotch and hems seen, and do both sides mirror each other."""


@dataclass(frozen=True, kw_only=True)
class Collar:
    """The neck opening of a flat garment, in pixels of the garment's frame."""

    kind: CollarKind
    front: Points
    """Front edge of the collar, from the left to the right neck point: a smooth parametric curve."""
    opening: Alpha
    """``(h, w)`` see-through part and inner back panel (neck label included): not drawn on the person."""
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Garment:
    """A garment cut out of its photo, in a working frame of bounded size."""

    photo: Photo
    frame: Frame
    image: Rgb
    """The photo seen through ``frame``; colours untouched."""
    alpha: Alpha
    """``(h, w)`` matte of the garment, 1 = cloth; the collar's inner back panel still belongs to it."""
    category: Category
    kind: PhotoKind
    sleeve_length: SleeveLength
    landmarks: GarmentLandmarks | None
    """Of a top, or of a dress down to its waist; None where there is no such part, or it was not measured."""
    collar: Collar | None
    cutout_confidence: float
    """0..1: contrast with the background, evenness of the background, smoothness of the outline."""
    lower: LowerLandmarks | None = None
    """Of trousers and skirts, or of a dress from its waist down."""
    description: str = ""
    opacity: Alpha | None = None
    """``(h, w)`` how far one layer of the cloth hides what is behind it; None where all of it does. ``alpha``
    is the outline all the same, and ``image`` shows see-through cloth without its background."""
    notices: tuple[Notice, ...] = field(default=())
