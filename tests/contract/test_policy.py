"""The operator's content policy: what it refuses, what breaks in it, what it is waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from inference import doctor
from inference.config import Settings
from inference.policy import AllowAll, Policy, PolicyMissing, load
from tests import policies
from tests.bad_inputs import PAIR
from tests.contract.conftest import running
from tests.contract.test_jobs import ASYNC

ROOT = Path(__file__).resolve().parents[2]


def ask(policy: str, **settings: object) -> tuple[httpx.Response, int]:
    """The answer to a try-on under this policy, and how often the engine ran for it."""
    with running(Settings(policy=f"tests.policies:{policy}", **settings)) as rig:
        return rig.client.post("/v1/tryon", files=list(PAIR)), rig.warp.runs


def test_a_result_that_is_refused_does_not_leave() -> None:
    answer, runs = ask("RefuseResults")

    body = answer.json()
    assert (answer.status_code, body["type"]) == (422, "urn:cabine:error:content-refused")
    assert (body["field"], body["retryable"]) == ("result", False)
    assert body["detail"] == "This operator does not hand out this picture."
    assert runs == 1


def test_a_job_whose_result_is_refused_has_no_pictures() -> None:
    with running(Settings(policy="tests.policies:RefuseResults")) as rig:
        address = rig.client.post("/v1/tryon", files=list(PAIR), headers=ASYNC).headers["Location"]
        job = rig.client.get(address, params={"wait": 20}).json()

        assert (job["state"], job["images"], job["mask"]) == ("failed", [], None)
        assert job["error"]["type"] == "urn:cabine:error:content-refused"
        assert (job["error"]["field"], job["error"]["retryable"]) == ("result", False)
        assert rig.client.get(f"{address}/images/0").status_code == 404


@pytest.mark.parametrize(("policy", "runs"), [("BreaksOnInputs", 0), ("BreaksOnResults", 1)])
def test_what_could_not_be_judged_does_not_leave(policy: str, runs: int) -> None:
    answer, ran = ask(policy)

    assert (answer.status_code, answer.json()["type"]) == (500, "urn:cabine:error:internal")
    assert "secret" not in answer.text
    assert ran == runs


def test_a_slow_classifier_spends_the_time_of_the_request() -> None:
    policies.LET_GO.clear()
    policies.ASKED.clear()
    with running(Settings(policy="tests.policies:Slow", request_timeout_s=0.5)) as rig:
        answers: list[httpx.Response] = []
        caller = threading.Thread(
            target=lambda: answers.append(rig.client.post("/v1/tryon", files=list(PAIR)))
        )
        caller.start()
        assert policies.ASKED.wait(10)
        assert rig.client.get("/health/ready").status_code == 200, "others are answered meanwhile"
        assert not threading.Event().wait(0.6)  # the time of the request passes
        policies.LET_GO.set()
        caller.join()

        assert answers[0].json()["type"] == "urn:cabine:error:deadline-exceeded"
        assert rig.warp.runs == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tests.nothing:here", "ModuleNotFoundError: No module named 'tests.nothing'"),
        ("tests.policies:nothing", "has no attribute 'nothing'"),
        ("tests.policies", "has no attribute 'create'"),
        ("tests.policies:without_weights", "FileNotFoundError: weights/policy is empty"),
        ("tests.policies:not_a_policy", "makes a object; it needs judge_input and judge_output"),
    ],
)
def test_a_policy_that_cannot_be_used_is_named(name: str, words: str) -> None:
    with pytest.raises(PolicyMissing) as raised:
        load(name)
    assert f"CABINE_POLICY={name} " in str(raised.value)
    assert words in str(raised.value)

    finding = doctor.policy(Settings(policy=name))
    assert (finding.state, finding.subject) == ("bad", "content policy")
    assert words in finding.words


def test_doctor_names_the_policy() -> None:
    assert doctor.policy(Settings()).words == "none: nothing is refused"
    finding = doctor.policy(Settings(policy="tests.policies:RefuseResults"))
    assert (finding.state, finding.words) == ("ok", "tests.policies:RefuseResults")


def test_the_default_is_a_policy() -> None:
    assert isinstance(load(""), AllowAll)
    assert isinstance(AllowAll(), Policy)


def test_without_its_policy_the_service_does_not_start() -> None:
    name = "tests.policies:without_weights"
    run = subprocess.run(
        [sys.executable, "-m", "inference", "serve", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"CABINE_POLICY": name},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 4
    assert (
        run.stderr
        == f"policy: CABINE_POLICY={name} cannot be used: FileNotFoundError: weights/policy is empty\n"
    )
