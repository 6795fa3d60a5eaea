"""The examples of steering do what they say."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for file in EXAMPLES.glob("*.py"):
        sys.modules.pop(file.stem, None)


@pytest.mark.parametrize("name", ["lerobot_loop", "openpi_loop"])
def test_a_steered_policy_arrives_sooner_than_the_same_policy_alone(name: str) -> None:
    example: Any = importlib.import_module(name)
    assert example.steps_to_success(4) < example.steps_to_success(1)


def test_the_node_makes_whole_candidates_and_keeps_its_own_order_without_an_answer() -> None:
    pytest.importorskip("rclpy", exc_type=ImportError)
    pytest.importorskip("vlm_judge_ros.srv", exc_type=ImportError)
    example: Any = importlib.import_module("steered_policy_node")
    response = example.ScoreCandidates.Response
    chunks = example.draw_chunks(np.random.default_rng(0), 3)
    candidate = example.candidate_of(chunks[0], np.zeros(3), "base_link", example.Time())
    assert len(candidate.end_effector_path.poses) == len(candidate.end_effector_times_s) == candidate.chunk.horizon
    assert len(candidate.chunk.actions) == candidate.chunk.horizon * len(candidate.chunk.action_names)
    assert candidate.end_effector_path.poses[-1].position.x == pytest.approx(chunks[0][:, 0].sum())
    assert example.chosen_index(response(success=True, chosen=2)) == 2
    vetoed, open_one = (example.CandidateScore(index=index, state=state) for index, state in ((0, 2), (1, 0)))
    for silent in (None, response(success=False, chosen=2)):
        assert example.chosen_index(silent) == 0
    assert example.chosen_index(response(success=True, chosen=-1, abstained=True, scores=[vetoed, open_one])) == 1
    assert example.chosen_index(response(success=True, chosen=-1, abstained=True, scores=[vetoed])) is None
    assert example.chosen_index(response(success=True, chosen=-1, abstained=True, stopped=True)) is None
