"""`controls.json`: what a judge answered to the controls of one episode, in the folder of the episode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.card import QualifiedJudge
from vlm_judge_ros.judges.named_file import first_fault
from vlm_judge_ros.qualify.qualified_episode import Control
from vlm_judge_ros.replay.outputs.episode_file import restore_answers
from vlm_judge_ros.replay.trace import Answer

CONTROLS = "controls.json"


class ControlAnswers(pydantic.BaseModel):
    """What stands in the file. What is NaN in an answer is null there.

    Attributes:
        schema_version: of this form.
        judge: which judge.
        runs_on: what its model ran on.
        answers: to each control that was shown.
        wrong_task: the instruction of the control `wrong_task`; empty where it was not shown.
        left_out: why a control was not shown, one sentence each.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")

    schema_version: Literal[1] = 1
    judge: QualifiedJudge
    runs_on: str = ""
    answers: Mapping[Control, tuple[Answer, ...]] = {}
    wrong_task: str = ""
    left_out: Mapping[Control, str] = {}

    def write(self, folder: Path) -> None:
        """Write the file.

        Raises:
            OSError: it cannot be written.
        """
        (folder / CONTROLS).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_control_answers(folder: Path) -> ControlAnswers | None:
    """Read the file of one episode; None where the episode was judged without.

    Raises:
        JudgeError: it is damaged.
    """
    path = folder / CONTROLS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for answers in content["answers"].values():
            restore_answers(answers)
        return ControlAnswers.model_validate(content)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JudgeError(f"{path} cannot be read ({error.strerror}); judge the episode again.") from error
    except pydantic.ValidationError as error:
        raise JudgeError(f"{path} is damaged ({first_fault(error)}); judge the episode again.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JudgeError(f"{path} is damaged ({error}); judge the episode again.") from error
