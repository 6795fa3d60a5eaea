"""A checklist of three steps, and judges that go by it."""

from __future__ import annotations

from typing import Any

from judges.known_scorers import KnownScorer

from vlm_judge_ros.judges.calibration import Calibration
from vlm_judge_ros.judges.checklist import ChecklistJudge
from vlm_judge_ros.judges.checklist_answers import ChecklistAnswer
from vlm_judge_ros.judges.checklist_file import Checklist
from vlm_judge_ros.judges.checklist_prompt import ChecklistPrompt, PlanPrompt
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER

TASK = "lift the cube"
STEPS = [
    {"name": "reach", "weight": 1.0, "done_when": "the gripper is around the cube"},
    {"name": "grasp", "weight": 1.0, "done_when": "the fingers touch the cube on both sides"},
    {"name": "lift", "weight": 2.0, "done_when": "the cube is in the air"},
]
CHECKLIST = Checklist.model_validate({"task": TASK, "subtasks": STEPS})
LINEAR = Calibration.model_validate(
    {
        "name": "linear",
        "fitted": True,
        "model_hash": KnownScorer.file_hash,
        "prompt_hash": load(ChecklistPrompt, "prompt", "checklist-v1", SHIPPED_FOLDER).content_hash,
        "progress": {"kind": "piecewise_linear", "scores": [-8.0, 0.0], "values": [0.0, 1.0]},
        "success": {"kind": "logistic", "midpoint": -1.0, "slope": 8.0},
    }
)


def prompt(name: str = "checklist-v1") -> ChecklistPrompt:
    return load(ChecklistPrompt, "prompt", name, SHIPPED_FOLDER)


def judge_of(model: Any, *, own: bool = True, words: str = "checklist-v1", **settings: Any) -> ChecklistJudge:
    plan = load(PlanPrompt, "prompt", "checklist-plan-v1", SHIPPED_FOLDER)
    return ChecklistJudge(model, prompt(words), plan, 3, {TASK: CHECKLIST} if own else {}, **settings)


def step(number: int, state: str, progress: float | None = None, what: str = "") -> dict[str, Any]:
    return {"step": number, "seen": what, "state": state, "progress": progress}


def said(*states: str) -> dict[str, Any]:
    """An answer: a state for each step, with its progress after a space where it has one."""
    steps = []
    for number, words in enumerate(states, 1):
        state, _, progress = words.partition(" ")
        steps.append(step(number, state, float(progress) if progress else None))
    return {"steps": steps}


def answer(*states: str) -> ChecklistAnswer:
    return ChecklistAnswer.model_validate(said(*states))
