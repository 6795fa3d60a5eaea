"""Whether a judge orders episodes as people do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from qualify.made_qualified import episode

from vlm_judge_ros.qualify.figures import figures
from vlm_judge_ros.qualify.qualified_episode import QualifiedEpisode
from vlm_judge_ros.verdict.verdict import State


def _ending(key: str, progress: float, score: float | None, **preferred: float) -> QualifiedEpisode:
    states = ((0.5, State.PROGRESSING),)
    return episode(key, final_progress=progress, score=score, states=states, preferred=preferred)


def test_people_go_before_scores_where_they_compared_two_episodes() -> None:
    # The judge orders a < b < c; scores say c < b < a, and of c and a people say that c is the better one.
    found = figures([_ending("a", 0.1, 0.9, c=-1.0), _ending("b", 0.2, 0.8), _ending("c", 0.3, 0.7, a=1.0)])
    assert (found["preference_accuracy"].value, found["preference_accuracy"].n) == (pytest.approx(1 / 3), 3)
    assert (found["preference_accuracy_of_people"].value, found["preference_accuracy_of_people"].n) == (1.0, 1)
    assert found["kendall"].value == -1.0


def test_episodes_without_a_score_are_ordered_by_what_people_prefer_alone() -> None:
    found = figures([_ending("a", 0.1, None, b=1.0), _ending("b", 0.2, None, a=-1.0, c=0.0), _ending("c", 0.3, None)])
    for name in ("preference_accuracy", "preference_accuracy_of_people"):
        assert (found[name].value, found[name].n) == (0.0, 1)
    assert found["pearson"].value is None


def test_a_pair_that_people_call_equal_does_not_count_whatever_its_scores() -> None:
    found = figures([_ending("a", 0.1, 0.9, b=0.0), _ending("b", 0.2, 0.8, a=0.0), _ending("c", 0.3, 0.1)])
    assert found["preference_accuracy"].n == 2
    assert (found["preference_accuracy_of_people"].value, found["preference_accuracy_of_people"].n) == (None, 0)


def test_episodes_of_two_tasks_are_not_compared_even_where_people_did() -> None:
    other = replace(_ending("b", 0.2, None, a=1.0), task="pull")
    assert figures([_ending("a", 0.1, None, b=-1.0), other])["preference_accuracy"].n == 0
