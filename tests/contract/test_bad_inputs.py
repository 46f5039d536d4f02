"""Every refusal of the table, against the real application; it goes on serving after each."""

from __future__ import annotations

import pytest

from tests.bad_inputs import BAD_INPUTS, PAIR, BadInput
from tests.contract.conftest import Rig


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda bad: bad.name.replace(" ", "-"))
def test_is_refused_by_name(rig: Rig, bad: BadInput) -> None:
    answer = rig.client.request(
        bad.method, bad.path, files=list(bad.parts) or None, content=bad.body, headers=dict(bad.headers)
    )

    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (bad.status, f"urn:cabine:error:{bad.slug}"), problem
    assert problem["status"] == bad.status
    assert problem["field"] == bad.field_name, problem
    assert bad.says in problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("bad", BAD_INPUTS[::5], ids=lambda bad: bad.name.replace(" ", "-"))
def test_goes_on_serving(rig: Rig, bad: BadInput) -> None:
    rig.client.request(bad.method, bad.path, files=list(bad.parts) or None, content=bad.body)

    assert rig.client.post("/v1/tryon", files=list(PAIR)).status_code == 200


def test_table_is_large_enough() -> None:
    assert len(BAD_INPUTS) >= 25
    assert len({bad.name for bad in BAD_INPUTS}) == len(BAD_INPUTS)
