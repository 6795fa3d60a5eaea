"""The checklist and the pairwise judge with tiny models of the real architectures. Their weights are random."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from judges.shown_episode import evidence as seen

from vlm_judge_ros.judges.comparison import PairwisePrompt
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

CHECKLIST = """
task: lift the cube
subtasks:
- {name: reach, done_when: the gripper is around the cube}
- {name: lift, done_when: the cube is in the air, weight: 2.0}
"""


@pytest.fixture(params=["qwen3_vl", "smolvlm"])
def options(
    request: pytest.FixtureRequest, tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> JudgeOptions:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "checklist.yaml"
    path.write_text(CHECKLIST)
    folder = str(tiny_models.get(request.param).folder)
    return JudgeOptions(model=folder, images_per_camera=2, checklist=str(path))


def test_steps_are_scored_over_the_same_images(options: JudgeOptions) -> None:
    judge = resolve("checklist")(replace(options, prompts="checklist-scored-v1"))
    question = seen([0.1, 0.5, 0.9])
    opinion = judge.ask(question)
    assert [entry.name for entry in opinion.subtasks] == ["reach", "lift"]
    assert opinion.progress == pytest.approx(sum(entry.weight * entry.progress for entry in opinion.subtasks))
    assert opinion.progress_low <= opinion.progress <= opinion.progress_high
    assert repr(judge.ask(question)) == repr(opinion)


def test_gibberish_about_steps_and_for_steps_is_unparsable_and_nothing_is_kept(
    options: JudgeOptions, tmp_path: Path
) -> None:
    judge = resolve("checklist")(options)
    for task in ("lift the cube", "open the drawer"):
        opinion = judge.ask(seen([0.1, 0.5], task=task))
        assert opinion.unparsable
        assert opinion.reason.isprintable()
    assert not (tmp_path / "cache" / "vlm_judge_ros" / "checklists").exists()


def test_comparisons_are_scored_in_both_orders(options: JudgeOptions, tmp_path: Path) -> None:
    goal = tmp_path / "goal.png"
    cv2.imwrite(str(goal), np.full((48, 64, 3), 230, np.uint8))
    # The tokenizers of the tiny models have no token for " A".
    prompt = load(PairwisePrompt, "prompt", "pairwise-v1", SHIPPED_FOLDER)
    words = tmp_path / "prompt.json"
    words.write_text(prompt.model_copy(update={"answers": (" True", " False")}).model_dump_json())
    options = replace(options, goal_image=str(goal), prompts=str(words))
    judge = resolve("pairwise")(options)
    opinion = judge.ask(seen([0.1, 0.5]))
    assert not opinion.unparsable
    assert math.isnan(opinion.success_probability)
    assert opinion.declined or opinion.progress_low <= opinion.progress <= opinion.progress_high
    again = resolve("pairwise")(options).ask(seen([0.1, 0.5]))
    assert again.progress == pytest.approx(opinion.progress, abs=1e-3, nan_ok=True)
