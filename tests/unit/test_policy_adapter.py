"""The documented content policy, ``examples/policy_transformers.py``: a made-up score, and a tiny ViT."""

from __future__ import annotations

import json
import math
from pathlib import Path

import httpx
import numpy as np
import pytest

from examples import policy_transformers
from examples.policy_transformers import FOLDER, ClassifierPolicy, lenient, load_classifier, standard, strict
from inference.config import Settings
from inference.policy import Policy, PolicyMissing, Refused, load
from tests.bad_inputs import PAIR
from tests.conftest import NO_TORCH
from tests.contract.conftest import running

GREY = np.full((48, 64, 3), 120, np.uint8)


def asked_with(score: policy_transformers.Score, monkeypatch: pytest.MonkeyPatch) -> httpx.Response:
    """The answer to a try-on under level ``standard`` with this classifier."""
    monkeypatch.setattr(policy_transformers, "load_classifier", lambda folder: score)
    with running(Settings(policy="examples.policy_transformers:standard")) as rig:
        return rig.client.post("/v1/tryon", files=list(PAIR))


def test_the_photo_that_is_refused_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.1, 0.9])  # the person is judged first

    answer = asked_with(lambda rgb: next(scores), monkeypatch)

    body = answer.json()
    assert (answer.status_code, body["type"]) == (422, "urn:cabine:error:content-refused")
    assert (body["field"], body["retryable"]) == ("garment", False)
    assert "0.9" not in answer.text, "a score would show how to get past"


def test_what_scores_low_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_with(lambda rgb: 0.2, monkeypatch).status_code == 200


@pytest.mark.parametrize("score", [0.8, 0.9, math.nan])
def test_the_threshold_itself_is_refused_and_so_is_no_score(score: float) -> None:
    policy = ClassifierPolicy(score=lambda rgb: score, threshold=0.8)
    with pytest.raises(Refused):
        policy.judge_output(GREY)


def test_levels_are_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_transformers, "load_classifier", lambda folder: lambda rgb: 0.0)
    levels = [level().threshold for level in (strict, standard, lenient)]
    assert levels == sorted(levels)
    assert 0 < levels[0] < levels[-1] < 1
    assert isinstance(standard(), Policy)


# --- a real classifier with random weights ---


def tiny_vit(folder: Path, labels: dict[int, str]) -> None:
    """The layout of the published one, small, and sure of its second label whatever it sees."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        image_size=16,
        patch_size=8,
        id2label=labels,
        label2id={label: index for index, label in labels.items()},
    )
    model = transformers.ViTForImageClassification(config)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, 3.0]))
    model.save_pretrained(folder)
    wanted = {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}}
    (folder / "preprocessor_config.json").write_text(json.dumps(wanted))


def test_the_score_is_that_of_the_label(tmp_path: Path) -> None:
    tiny_vit(tmp_path / "second", {0: "normal", 1: "nsfw"})
    tiny_vit(tmp_path / "first", {0: "nsfw", 1: "normal"})

    sure = 1 / (1 + math.exp(-3))
    assert load_classifier(tmp_path / "second")(GREY) == pytest.approx(sure, abs=1e-5)
    assert load_classifier(tmp_path / "first")(GREY) == pytest.approx(1 - sure, abs=1e-5)


def test_another_classifier_is_refused_by_its_labels(tmp_path: Path) -> None:
    tiny_vit(tmp_path, {0: "cat", 1: "dog"})
    with pytest.raises(ValueError, match="has the labels cat, dog, not nsfw"):
        load_classifier(tmp_path)


def test_weights_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason=NO_TORCH)
    pytest.importorskip("transformers")
    monkeypatch.setenv("CABINE_WEIGHTS", str(tmp_path))
    with pytest.raises(PolicyMissing, match=f"OSError.*{FOLDER.name}"):
        load("examples.policy_transformers:standard")


def test_it_is_read_from_the_folder_of_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_vit(tmp_path / FOLDER, {0: "normal", 1: "nsfw"})
    monkeypatch.setenv("CABINE_WEIGHTS", str(tmp_path))
    with pytest.raises(Refused):
        load("examples.policy_transformers:standard").judge_output(GREY)
    load("examples.policy_transformers:lenient").judge_output(GREY)
