"""The table of states, and jobs as text."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.jobs.model import FINISHED, TRANSITIONS, Job, JobError, Lease, State, dumps, loads, move

STATES: tuple[State, ...] = get_args(State)

TEXT = st.text(max_size=20)
SECONDS = st.floats(min_value=0, max_value=1e10)
JSON = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT), max_size=3)


def a_job(state: State) -> Job:
    return Job(
        id="0" * 32,
        owner=None,
        engine="warp",
        lane="cpu",
        request={},
        created=1.0,
        deadline=None,
        state=state,
    )


@pytest.mark.parametrize("start", STATES)
@pytest.mark.parametrize("end", STATES)
def test_only_moves_of_the_table(start: State, end: State) -> None:
    if end in TRANSITIONS[start]:
        assert move(a_job(start), end).state == end
    else:
        with pytest.raises(ValueError, match=f"A {start} job cannot become {end}"):
            move(a_job(start), end)


def test_what_has_finished_never_works_again() -> None:
    for state in FINISHED:
        assert TRANSITIONS[state] <= {"expired"}
        assert a_job(state).done


@given(
    job=st.builds(
        Job,
        id=TEXT,
        owner=st.none() | TEXT,
        request=JSON,
        created=SECONDS,
        deadline=st.none() | SECONDS,
        state=st.sampled_from(STATES),
        lease=st.none() | st.builds(Lease, worker=TEXT, until=SECONDS),
        warnings=st.lists(JSON, max_size=2).map(tuple),
        timings=st.dictionaries(TEXT, SECONDS, max_size=2),
        files=st.lists(TEXT, max_size=2).map(tuple),
        error=st.none() | st.builds(JobError, slug=TEXT, detail=TEXT, retryable=st.booleans()),
        expires=st.none() | SECONDS,
    )
)
def test_a_job_comes_back_from_its_text(job: Job) -> None:
    assert loads(dumps(job)) == job
    assert loads(dumps(replace(job, seed=2**32 - 1))).seed == 2**32 - 1
