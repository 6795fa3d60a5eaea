"""What messages carry becomes joint samples and chunks, whatever made their objects, or is refused in one sentence."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vlm_judge_ros.episode.messages import (
    MOST_ACTION_NUMBERS,
    chunk_of,
    joint_sample_of,
    refuse_future,
)
from vlm_judge_ros.errors import JudgeError

HEADER = SimpleNamespace(stamp=SimpleNamespace(sec=5, nanosec=7))


def joints(name: list[str], position: Any = (), velocity: Any = (), effort: Any = ()) -> SimpleNamespace:
    numbers = {"position": position, "velocity": velocity, "effort": effort}
    return SimpleNamespace(header=HEADER, name=name, **{key: np.array(value, float) for key, value in numbers.items()})


def announced(**fields: Any) -> SimpleNamespace:
    plain: dict[str, Any] = {
        "id": 1,
        "policy": "",
        "horizon": 2,
        "step_s": 0.1,
        "action_names": [],
        "actions": [],
        "sample_count": 0,
        "sampled_actions": [],
        "certainty": math.nan,
        "declares_done": False,
    }
    return SimpleNamespace(header=HEADER, **{**plain, **fields})


def test_velocities_and_efforts_are_kept_and_a_joint_without_position_has_none() -> None:
    sample = joint_sample_of(joints(["a", "b"], (0.1, 0.2), (1.0, 2.0), (3.0, 4.0)))
    assert (sample.stamp_ns, sample.names, sample.positions) == (5_000_000_007, ("a", "b"), (0.1, 0.2))
    assert (sample.velocities, sample.efforts) == ((1.0, 2.0), (3.0, 4.0))
    moving = joint_sample_of(joints(["a"], velocity=[1.0]))
    assert math.isnan(moving.positions[0])
    assert joint_sample_of(joints(["a", "b"])).names == ()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (joints(["a"] * 257, [0.0] * 257), "257 joints; at most 256"),
        (joints(["a" * 201], [0.0]), "201 characters"),
        (joints(["a", "b"], [0.0]), "2 names and 1 positions"),
        (joints(["a"], [0.0], [0.0, 1.0]), "1 names and 2 velocities"),
    ],
)
def test_joint_states_of_strange_sizes_are_refused(message: SimpleNamespace, words: str) -> None:
    with pytest.raises(JudgeError, match=words):
        joint_sample_of(message)


def test_actions_and_samples_have_their_shapes() -> None:
    chunk = chunk_of(
        announced(action_names=["x", "y"], actions=range(4), sample_count=3, sampled_actions=range(12), certainty=0.5)
    )
    assert chunk.actions.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert chunk.samples.shape == (3, 2, 2)
    assert chunk.samples[1].tolist() == [[4.0, 5.0], [6.0, 7.0]]
    assert (chunk.action_names, chunk.certainty) == (("x", "y"), 0.5)
    told_nothing = chunk_of(announced())
    assert (told_nothing.actions.shape, told_nothing.samples.shape) == ((0, 0), (0, 0, 0))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"actions": [0.0] * 3}, "3 numbers, which is not 2 rows"),
        ({"actions": [0.0, math.inf]}, "NaN or infinite"),
        ({"actions": [0.0] * 2 * 257}, "at most 256 numbers"),
        ({"actions": np.zeros(MOST_ACTION_NUMBERS + 1), "horizon": 1}, "1000001 numbers; 1000000 can be looked at"),
        ({"sample_count": 2}, "sample_count 2 and 0 sampled_actions"),
        ({"sampled_actions": [0.0] * 2}, "sample_count 0 and 2 sampled_actions"),
        ({"sample_count": 257, "sampled_actions": [0.0] * 514}, "give 1 to 256 samples"),
        ({"actions": [0.0] * 4, "sample_count": 1, "sampled_actions": [0.0] * 2}, "samples of shape"),
        ({"actions": [0.0] * 4, "horizon": 0}, "not 0 rows"),
        ({"action_names": ["x"] * 257}, "257 action_names"),
        ({"policy": "p" * 201}, "a policy of 201 characters"),
        ({"certainty": 1.5}, "certainty 1.5"),
    ],
)
def test_chunks_of_strange_sizes_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(JudgeError, match=words):
        chunk_of(announced(**fields))


@given(
    horizon=st.integers(0, 2**32 - 1) | st.integers(0, 6),
    count=st.integers(0, 2**32 - 1) | st.integers(0, 4),
    actions=arrays.arrays(float, st.integers(0, 40)),
    samples=arrays.arrays(float, st.integers(0, 40)),
    names=st.lists(st.text(max_size=3), max_size=5),
    certainty=st.floats(),
)
def test_a_chunk_of_any_content_is_taken_or_refused_in_one_sentence(
    horizon: int, count: int, actions: Any, samples: Any, names: list[str], certainty: float
) -> None:
    message = announced(
        horizon=horizon,
        step_s=1e-9,
        sample_count=count,
        actions=actions,
        sampled_actions=samples,
        action_names=names,
        certainty=certainty,
    )
    try:
        chunk = chunk_of(message)
    except JudgeError as error:
        assert str(error).endswith(".")
        assert "\n" not in str(error)
    else:
        assert np.isfinite(chunk.actions).all()
        assert chunk.actions.size == len(actions)
        assert chunk.samples.size == len(samples)


def test_a_stamp_far_ahead_of_the_clock_is_refused_unless_the_clock_is_not_known() -> None:
    refuse_future(10**9, 10**9)
    refuse_future(2 * 10**9, 10**9)
    refuse_future(10**18, 0)
    with pytest.raises(JudgeError, match=r"3\.0 s ahead of the node clock"):
        refuse_future(4 * 10**9, 10**9)
