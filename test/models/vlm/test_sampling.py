from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.sampling import Sampler, drawn

LOGITS = arrays(np.float32, st.integers(1, 40), elements=st.floats(-50, 50, width=32))
TEMPERATURES = st.floats(0.05, 5.0)


def shares(logits: np.ndarray, temperature: float) -> np.ndarray:
    """The softmax as it is written in books, in high precision."""
    powers = [math.exp((float(value) - float(logits.max())) / temperature) for value in logits]
    return np.array(powers) / math.fsum(powers)


@given(LOGITS, TEMPERATURES)
def test_every_token_is_drawn_as_often_as_it_is_probable(logits: np.ndarray, temperature: float) -> None:
    """Fractions in even steps stand for all that chance can give, so the counts are exact to one step."""
    steps = 2000
    ids = [drawn(logits, temperature, (step + 0.5) / steps) for step in range(steps)]
    counts = np.bincount(ids, minlength=len(logits))
    assert np.abs(counts / steps - shares(logits, temperature)).max() <= 1.001 / steps


@given(LOGITS, TEMPERATURES, st.floats(0, 1, exclude_max=True), st.integers(0, 39))
def test_what_is_ruled_out_is_never_drawn(
    logits: np.ndarray, temperature: float, fraction: float, ruled_out: int
) -> None:
    logits = np.append(logits, np.float32(0))
    ruled_out %= len(logits) - 1
    logits[ruled_out] = -np.inf
    assert drawn(logits, temperature, fraction) != ruled_out


@given(LOGITS, st.floats(0, 1, exclude_max=True))
def test_next_to_no_temperature_takes_one_of_the_most_probable(logits: np.ndarray, fraction: float) -> None:
    assert logits[drawn(logits, 1e-300, fraction)] == logits.max()


@given(LOGITS, st.integers(0, 2**40))
def test_no_temperature_takes_the_first_of_the_most_probable_whatever_the_seed(logits: np.ndarray, seed: int) -> None:
    assert Sampler(0.0, seed).choose(logits) == int(np.argmax(logits))


@given(TEMPERATURES, st.integers(0, 2**40))
def test_a_seed_repeats_its_tokens_and_another_gives_others(temperature: float, seed: int) -> None:
    logits = np.zeros(1000, np.float32)

    def tokens(of: int) -> list[int]:
        sampler = Sampler(temperature, of)
        return [sampler.choose(logits) for _ in range(20)]

    assert tokens(seed) == tokens(seed)
    assert tokens(seed) != tokens(seed + 1)


@pytest.mark.parametrize("temperature", [-0.1, math.nan, math.inf])
def test_a_temperature_that_makes_no_sense_is_refused(temperature: float) -> None:
    with pytest.raises(JudgeError, match="temperature is"):
        Sampler(temperature, 0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(JudgeError, match="seed is -1"):
        Sampler(1.0, -1)
