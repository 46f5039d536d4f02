"""Bodies of ``/v1/run`` that nobody thought of: understood or refused, never a fault of ours."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.fashn.fields import Inputs, Run, read_run
from inference.fashn.images import read_data_uri
from inference.problems import Problem
from tests.fashn_requests import data_uri

MOST = 1000
SMALL = {"model_image": "a", "garment_image": "b", "return_base64": True}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(name=st.sampled_from([*Run.model_fields, *Inputs.model_fields, "other"]), value=json_values)
def test_any_value_of_any_field(name: str, value: object) -> None:
    whole: dict[str, object] = {"model_name": "tryon-v1.6", "inputs": {**SMALL, name: value}}
    for body in (whole, {**whole, name: value}):
        with suppress(Problem):
            read_run(bytearray(json.dumps(body).encode()))


@settings(deadline=None, max_examples=300)
@given(at=st.integers(0, 100), junk=st.binary(max_size=12), cut=st.integers(0, 100))
def test_broken_bodies(at: int, junk: bytes, cut: int) -> None:
    body = bytearray(json.dumps({"model_name": "tryon-v1.6", "inputs": SMALL}).encode())
    body[at : at + cut] = junk
    with suppress(Problem):
        read_run(body)


@settings(deadline=None)
@given(data=st.binary(min_size=1, max_size=MOST))
def test_every_byte_of_a_picture_arrives(data: bytes) -> None:
    assert read_data_uri(data_uri(data), field="model_image", most=MOST) == data


@pytest.mark.parametrize("more", [1, 2, 3, 4])
def test_the_limit_is_exact(more: int) -> None:
    with pytest.raises(Problem) as refused:
        read_data_uri(data_uri(bytes(MOST + more)), field="model_image", most=MOST)
    assert refused.value.slug == "image-too-large"


@settings(deadline=None, max_examples=300)
@given(
    uri=st.text(max_size=40)
    | st.text("data:image/png;base64,=AQ-_ ", max_size=40)
    | st.text("AQg=-_ \n/+é", max_size=20).map("data:image/png;base64,{}".format)
)
def test_any_text_is_decoded_or_refused(uri: str) -> None:
    with suppress(Problem):
        read_data_uri(uri, field="model_image", most=MOST)
