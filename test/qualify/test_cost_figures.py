"""What an answer and an hour cost."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from qualify.made_qualified import episode

from vlm_judge_ros.qualify.figures import figures
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode


def _costing(key: str, tokens: list[tuple[float, float]], money: list[float]) -> QualifiedEpisode:
    """An episode of 36 seconds with answers that cost this."""
    shown = episode(key, progress=[0.5] * len(tokens), duration_s=36.0)
    answers = tuple(
        replace(answer, input_tokens=read, output_tokens=written, money=price)
        for answer, (read, written), price in zip(shown.trace.answers, tokens, money, strict=True)
    )
    return replace(shown, trace=replace(shown.trace, answers=answers))


def test_cost_is_by_hand_what_the_answers_tell() -> None:
    cheap = _costing("cheap", [(100.0, 2.0), (300.0, 4.0)], [0.01, 0.03])
    dear = _costing("dear", [(500.0, 6.0)], [0.12])
    found = figures([cheap, dear])
    assert (found["input_tokens_per_answer"].value, found["input_tokens_per_answer"].n) == (300.0, 3)
    assert found["output_tokens_per_answer"].value == 4.0
    assert found["cost_per_hour"].value == pytest.approx(0.16 / 0.02)
    assert found["cost_per_hour"].n == 2


def test_a_cost_that_nobody_tells_is_none_and_never_nothing() -> None:
    found = figures([episode("on-board"), episode("too")])
    for name in ("input_tokens_per_answer", "output_tokens_per_answer", "cost_per_hour"):
        assert (found[name].value, found[name].n) == (None, 0)
        assert found[name].reason


def test_an_episode_of_which_one_answer_does_not_tell_stands_for_no_hour() -> None:
    whole = _costing("whole", [(100.0, 2.0)] * 2, [0.01, 0.01])
    part = _costing("part", [(500.0, 4.0), (math.nan, math.nan)], [0.5, math.nan])
    found = figures([whole, part])
    assert found["cost_per_hour"].value == pytest.approx(0.02 / 0.01)
    assert found["cost_per_hour"].n == 1
    assert found["input_tokens_per_answer"].value == pytest.approx(700.0 / 3.0)
    assert found["input_tokens_per_answer"].n == 3
