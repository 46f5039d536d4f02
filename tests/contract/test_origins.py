"""A browser that reaches this service sends nothing to it for pages of other sites."""

from __future__ import annotations

import httpx
import pytest

from tests.bad_inputs import PAIR
from tests.contract.conftest import Rig
from tests.contract.test_jobs import slug


def post(rig: Rig, **headers: str) -> httpx.Response:
    return rig.client.post("/v1/tryon", files=list(PAIR), headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:1"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://evil.example:8001", "Host": "evil.example:8001"},  # a name that points here
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_pages_of_other_sites_are_refused(rig: Rig, method: str, headers: dict[str, str]) -> None:
    runs = rig.warp.runs
    path = "/v1/tryon" if method == "POST" else f"/v1/jobs/{'0' * 32}"
    answer = rig.client.request(method, path, files=list(PAIR), headers=headers)

    assert (answer.status_code, slug(answer)) == (403, "forbidden")
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert rig.warp.runs == runs


@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "same-origin"}])
@pytest.mark.parametrize("host", ["localhost:8001", "127.0.0.1:8001", "[::1]:8001", "192.168.1.5"])
def test_the_page_of_documentation_works(rig: Rig, host: str, site: dict[str, str]) -> None:
    assert post(rig, Host=host, Origin=f"http://{host}", **site).status_code == 200


def test_programs_may_use_any_name(rig: Rig) -> None:
    assert post(rig, Host="inference.internal:8001").status_code == 200
    assert rig.client.get("/v1/engines", headers={"Origin": "http://evil.example"}).status_code == 200
