"""FASHN's own SDK against real processes, directly and through a gateway that asks for keys."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fashn import (
    AsyncFashn,
    AuthenticationError,
    BadRequestError,
    DefaultHttpxClient,
    Fashn,
    InternalServerError,
    NotFoundError,
)
from PIL import Image

from gateway.keys import digest_of, new_secret
from tests.bad_inputs import noise_png, picture
from tests.fashn_requests import BAD_RUNS, MODEL, BadRun, data_uri, inputs
from tests.gateway_process import running_gateway, running_inference
from tests.job_service import JobService, job_service

ROOT = Path(__file__).resolve().parents[2]
KEY = new_secret()
KEYS = f"shop:{digest_of(KEY)}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobService]:
    """With a fake engine, which waits while ``service.gate`` is missing."""
    with job_service(tmp_path_factory.mktemp("fashn")) as service:
        service.gate.touch()
        yield service


@pytest.fixture(scope="module")
def gateway_url(service: JobService) -> Iterator[str]:
    with running_gateway(service.url, API_KEYS=KEYS) as gateway:
        yield gateway.url


@pytest.fixture(params=["inference", "gateway"])
def url(request: pytest.FixtureRequest, service: JobService, gateway_url: str) -> str:
    return service.url if request.param == "inference" else gateway_url


@pytest.fixture
def client(url: str) -> Iterator[Fashn]:
    with Fashn(base_url=url, api_key=KEY) as client:
        yield client


def pictures(output: list[str] | None) -> list[Image.Image]:
    assert output is not None
    return [Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) for uri in output]


def test_subscribe(client: Fashn) -> None:
    ids: list[str] = []
    seen: list[str] = []
    result = client.predictions.subscribe(
        model_name=MODEL,
        inputs=inputs(seed=7),
        poll_interval=20,
        on_enqueued=ids.append,
        on_queue_update=lambda status: seen.append(status.status),
    )

    assert (result.status, result.error, ids) == ("completed", None, [result.id])
    assert seen[-1] == "completed"
    assert set(seen) <= {"in_queue", "processing", "completed"}
    assert [image.size for image in pictures(result.output)] == [(768, 1024)]


def test_run_and_status(client: Fashn, service: JobService) -> None:
    service.gate.unlink()
    begun = client.predictions.run(model_name=MODEL, inputs=inputs(output_format="jpeg"))
    waiting = client.predictions.status(begun.id)
    service.gate.touch()
    client.get(f"/v1/jobs/{begun.id}?wait=20", cast_to=object)
    done = client.predictions.status(begun.id)

    assert (begun.error, waiting.output, waiting.error) == (None, None, None)
    assert waiting.status in {"in_queue", "processing"}
    assert (done.id, done.status, done.error) == (begun.id, "completed", None)
    assert [image.format for image in pictures(done.output)] == ["JPEG"]


def test_the_async_client(url: str) -> None:
    async def subscribe() -> Any:
        async with AsyncFashn(base_url=url, api_key=KEY) as client:
            return await client.predictions.subscribe(model_name=MODEL, inputs=inputs(), poll_interval=20)

    assert len(pictures(anyio.run(subscribe).output)) == 1


def test_a_failure_is_a_result(client: Fashn) -> None:
    nobody = inputs(model_image=data_uri(picture("PNG", 600, 800)))
    result = client.predictions.subscribe(model_name=MODEL, inputs=nobody, poll_interval=20)

    assert result.error is not None
    assert (result.status, result.error.name, result.output) == ("failed", "PoseError", None)
    assert "nobody was found" in result.error.message


def test_a_cancelled_one_is_canceled(client: Fashn, service: JobService) -> None:
    service.gate.unlink()
    begun = client.predictions.run(model_name=MODEL, inputs=inputs())
    client.delete(f"/v1/jobs/{begun.id}", cast_to=object)
    result = client.get(f"/v1/jobs/{begun.id}?wait=20", cast_to=object) and client.predictions.status(
        begun.id
    )
    service.gate.touch()

    assert (result.status, result.error, result.output) == ("canceled", None, None)


@pytest.mark.parametrize(
    ("arguments", "name", "says"),
    [
        (
            {"inputs": inputs(model_image="https://example.com/me.jpg")},
            "ImageLoadError",
            "nothing is fetched",
        ),
        ({"inputs": inputs(return_base64=None)}, "BadRequest", "return_base64 to true"),
        ({"inputs": inputs(), "webhook_url": "https://example.com/"}, "BadRequest", "no webhooks"),
        ({"inputs": inputs(), "model_name": "product-to-model"}, "BadRequest", "known: tryon-v1.6"),
    ],
)
def test_refusals_are_bad_requests(client: Fashn, arguments: dict[str, Any], name: str, says: str) -> None:
    with pytest.raises(BadRequestError, match=says) as refused:
        client.predictions.subscribe(**{"model_name": MODEL, **arguments})

    problem: Any = refused.value.body
    assert (problem["error"], problem["message"]) == (name, problem["detail"])


@pytest.mark.parametrize("bad", BAD_RUNS[::6], ids=lambda bad: bad.name.replace(" ", "-"))
def test_refusals_pass_the_gateway(gateway_url: str, bad: BadRun) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": bad.kind}
    answer = httpx.post(gateway_url + bad.path, content=bad.body, headers=headers, trust_env=False)

    problem = answer.json()
    assert (answer.status_code, problem["error"], problem["field"]) == (400, bad.error, bad.field), problem
    assert answer.headers["x-should-retry"] == "false"


def test_unknown_predictions_are_not_found(client: Fashn) -> None:
    with pytest.raises(NotFoundError) as refused:
        client.predictions.status("0" * 32)
    assert '"error": "NotFound"' in refused.value.response.text


def test_a_wrong_key_is_refused(gateway_url: str) -> None:
    with (
        Fashn(base_url=gateway_url, api_key="guess") as client,
        pytest.raises(AuthenticationError) as refused,
    ):
        client.predictions.run(model_name=MODEL, inputs=inputs())
    assert '"error": "UnauthorizedAccess"' in refused.value.response.text


def test_what_is_hopeless_is_not_repeated(url: str) -> None:
    sent: list[httpx.Request] = []
    http = DefaultHttpxClient(event_hooks={"request": [sent.append]})
    with Fashn(base_url=url, api_key=KEY, http_client=http) as client, pytest.raises(InternalServerError):
        client.predictions.run(model_name="gpu-only", inputs=inputs())
    assert len(sent) == 1


def test_an_idempotency_key_makes_repeating_safe(client: Fashn) -> None:
    key = {"Idempotency-Key": new_secret()}
    ids = {client.predictions.run(model_name=MODEL, inputs=inputs(), extra_headers=key).id for _ in range(2)}
    assert len(ids) == 1


def documented() -> str:
    """The example of docs/api.md."""
    section = (ROOT / "docs/api.md").read_text().partition("## FASHN-compatible")[2]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found
    return found[1]


def test_the_documented_example_with_the_real_engine_and_nothing_on_the_disk(tmp_path: Path) -> None:
    """Both processes are forbidden to write a byte; the jobs are in memory."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    with running_inference() as inference, running_gateway(inference.url, API_KEYS=KEYS) as gateway:
        example = documented().replace("http://localhost:8000", gateway.url).replace("YOUR_KEY", KEY)
        assert KEY in example
        subprocess.run([sys.executable, "-c", example], cwd=tmp_path, check=True, timeout=60)
        large = data_uri(noise_png(2000, 2000), "image/png")
        with Fashn(base_url=gateway.url, api_key=KEY) as client:
            result = client.predictions.subscribe(model_name=MODEL, inputs=inputs(model_image=large))

    with (
        Image.open(ROOT / "samples/people/p1_man__base.jpg") as photo,
        Image.open(tmp_path / "result.png") as made,
    ):
        assert (made.format, made.size) == ("PNG", photo.size)
    assert len(large) > 16_000_000
    assert result.error is not None
    assert result.error.name == "PoseError"
