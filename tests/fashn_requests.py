"""Bodies for ``POST /v1/run``, good and bad: sent to the inference service and through the gateway."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from tests.bad_inputs import garment_photo, person_photo, picture, png_header

MODEL = "tryon-v1.6"


def data_uri(data: bytes, kind: str = "image/jpeg") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def inputs(**changes: Any) -> dict[str, Any]:
    """Of a request that works; None leaves one out."""
    given = {
        "model_image": data_uri(person_photo()),
        "garment_image": data_uri(garment_photo()),
        "return_base64": True,
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def body(model_name: str = MODEL, **changes: Any) -> bytes:
    return json.dumps({"model_name": model_name, "inputs": inputs(**changes)}).encode()


@dataclass(frozen=True, kw_only=True)
class BadRun:
    """A body, and the refusal that it must bring."""

    name: str
    body: bytes
    slug: str = "option-unsupported"
    error: str = "BadRequest"
    field: str | None = None
    says: str = ""
    """Words the message must contain."""
    kind: str = "application/json"
    path: str = "/v1/run"


def _image(name: str, uri: Any, says: str, slug: str = "image-unreadable") -> BadRun:
    return BadRun(
        name=name,
        body=body(garment_image=uri),
        slug=slug,
        error="ImageLoadError",
        field="garment_image",
        says=says,
    )


def _option(name: str, field: str, says: str, **changes: Any) -> BadRun:
    return BadRun(name=name, body=body(**changes), field=field, says=says)


def _malformed(name: str, data: bytes, says: str = "cannot be read") -> BadRun:
    return BadRun(name=name, body=data, slug="request-malformed", says=says)


def _missing(name: str, data: bytes, field: str) -> BadRun:
    return BadRun(name=name, body=data, slug="field-missing", field=field, says=field)


PIXEL = base64.b64encode(picture("PNG", 200, 200)).decode()
GOOD = body().decode()

BAD_RUNS = [
    _image("URL", "https://example.com/shirt.jpg", "nothing is fetched"),
    _image("URL of a file", "file:///etc/passwd", "nothing is fetched"),
    _image("URL in capitals", "HTTP://127.0.0.1/", "nothing is fetched"),
    _image("saved model", "saved:anna", "none are kept here"),
    _image("bare base64", PIXEL, "data:image/jpeg;base64,"),
    _image("path", "/etc/passwd", "data:image/jpeg;base64,"),
    _image("no text", "", "is empty"),
    _image("blank", "   ", "data:image/jpeg;base64,"),
    _image("no payload", "data:image/png;base64,", "is empty after"),
    _image("not base64 by its header", "data:image/png,abc", "does not begin"),
    _image("no comma", "data:image/png;base64" + PIXEL, "does not begin"),
    _image("line breaks", f"data:image/png;base64,{PIXEL[:76]}\n{PIXEL[76:]}", "line breaks"),
    _image("space", f"data:image/png;base64, {PIXEL}", "spaces"),
    _image("no padding", data_uri(b"1234").rstrip("="), "padding"),
    _image("cut short", f"data:image/png;base64,{PIXEL[:-3]}", "multiple of 4"),
    _image("alphabet of URLs", "data:image/png;base64,ab-_", "alphabet for URLs"),
    _image("padding in the middle", "data:image/png;base64,YQ==YQ==", "before its end"),
    _image("other characters", "data:image/png;base64,YQ!?", "characters that base64 has not"),
    _image("not ASCII", "data:image/png;base64,äöüß", "characters that base64 has not"),
    _image("declared as text", "data:text/html;base64,YQ==", "no image", "unsupported-media-type"),
    _image("undeclared", "data:;base64,YQ==", "no image", "unsupported-media-type"),
    _image("really text", data_uri(b"<html></html>" * 9), "", "unsupported-media-type"),
    _image("really a GIF", data_uri(picture("GIF", 200, 200)), "", "unsupported-media-type"),
    _image("damaged", data_uri(garment_photo()[:3000]), ""),
    _image("small", data_uri(picture("PNG", 50, 50)), "", "image-too-small"),
    _image("bomb", data_uri(png_header(30_000, 30_000)), "", "image-too-large"),
    _image("over 20 MB", data_uri(bytes(20 * 2**20 + 1)), "20 MB", "image-too-large"),
    _option("number for a picture", "garment_image", "string", garment_image=7),
    _option("list of pictures", "garment_image", "string", garment_image=["data:"]),
    _option("category of ours", "category", "one-pieces", category="upper"),
    _option("photo type", "garment_photo_type", "flat-lay", garment_photo_type="worn"),
    _option("photo type that the engine has not", "garment_photo_type", "flat", garment_photo_type="model"),
    _option("category that the engine has not", "category", "warp takes upper", category="bottoms"),
    _option("mode", "mode", "performance", mode="best"),
    _option("samples that the engine has not", "num_samples", "warp", num_samples=2),
    _option("no samples", "num_samples", "greater than or equal to 1", num_samples=0),
    _option("five samples", "num_samples", "less than or equal to 4", num_samples=5),
    _option("samples as text", "num_samples", "integer", num_samples="1"),
    _option("half a sample", "num_samples", "integer", num_samples=1.5),
    _option("truth for a number", "num_samples", "integer", num_samples=True),
    _option("negative seed", "seed", "greater than or equal to 0", seed=-1),
    _option("large seed", "seed", "4294967295", seed=2**32),
    _option("huge seed", "seed", "4294967295", seed=10**300),
    _option("WebP", "output_format", "jpeg", output_format="webp"),
    _option("URL outputs", "return_base64", "true", return_base64=False),
    _option("URL outputs by default", "return_base64", "true", return_base64=None),
    _option("moderation by nobody", "moderation_level", "CABINE_POLICY", moderation_level="conservative"),
    _option("text for a truth", "segmentation_free", "boolean", segmentation_free="yes"),
    _option("unknown input", "prompt", "known: model_image", prompt="a red one"),
    BadRun(name="unknown member", body=b'{"webhook":1,' + body()[1:], field="webhook", says="model_name"),
    BadRun(
        name="unknown model",
        body=body("product-to-model"),
        slug="engine-unknown",
        field="model_name",
        says="tryon-v1.6, diffusion, gpu-only, warp",
    ),
    BadRun(name="model as number", body=b'{"model_name":1,"inputs":{}}', field="model_name", says="string"),
    BadRun(name="inputs as list", body=b'{"model_name":"x","inputs":[]}', field="inputs", says="inputs"),
    BadRun(
        name="webhook",
        body=body(),
        path="/v1/run?webhook_url=http://127.0.0.1:1/",
        field="webhook_url",
        says="no webhooks",
    ),
    _missing("no person", body(model_image=None), "model_image"),
    _missing("no garment", body(garment_image=None), "garment_image"),
    _missing("no inputs", b'{"model_name":"tryon-v1.6"}', "inputs"),
    _missing("no model", b'{"inputs":{}}', "model_name"),
    _malformed("no body", b""),
    _malformed("no JSON", b"person=1"),
    _malformed("cut off", body()[:-9]),
    _malformed("deep", b'{"inputs":' * 120),
    _malformed("deep lists", b"[" * 100_000, "256 values"),
    _malformed("many values", b"[" + b"0," * 1_000_000 + b"0]", "256 values"),
    _malformed("many members", b"{" + b'"a":{},' * 100_000 + b'"a":1}', "256 values"),
    _malformed("no UTF-8", b'{"model_name":"\xff"}'),
    _malformed("half a character", b'{"model_name":"\\ud800"}'),
    _malformed("byte order mark", b"\xef\xbb\xbf" + body()),
    _malformed("number without end", b'{"model_name":"x","inputs":{"seed":' + b"9" * 100_000 + b"}}"),
    BadRun(name="not a number", body=b"NaN", says="object"),
    BadRun(name="infinite seed", body=GOOD.replace("true}", 'true,"seed":1e400}').encode(), field="seed"),
    BadRun(name="list", body=b"[]", says="object"),
    BadRun(name="form", body=body(), kind="multipart/form-data", slug="request-malformed", says="JSON"),
    BadRun(name="text", body=body(), kind="text/plain", slug="request-malformed", says="JSON"),
]
