"""Shows a judge the controls of an episode that it has just judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.judges.card import QualifiedJudge
from vlm_judge_ros.qualify.control_answers import ControlAnswers
from vlm_judge_ros.qualify.controls import MovedPictures, WrongTask
from vlm_judge_ros.qualify.qualified_episode import Control
from vlm_judge_ros.qualify.wrong_task import wrong_task
from vlm_judge_ros.replay.scoring.episode_judge import EpisodeJudge
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription, RecordedEpisode
from vlm_judge_ros.replay.trace import Answer


@dataclass(frozen=True, slots=True)
class ControlRun:
    """Which controls are shown; see `Further`.

    Attributes:
        controls: these, in this order.
        tasks: name and instruction of all tasks of the run.
        wrong_tasks: instructions that a person named for the control `wrong_task`.
    """

    controls: tuple[Control, ...]
    tasks: tuple[tuple[str, str], ...] = ()
    wrong_tasks: tuple[str, ...] = ()

    def passes(self, description: EpisodeDescription) -> int:
        """See `Further.passes`."""
        return len(self._shown(description))

    def judge(
        self, episode: RecordedEpisode, judge: EpisodeJudge, folder: Path, on_time: Callable[[float], None]
    ) -> None:
        """See `Further.judge`."""
        description = episode.description
        answers: dict[Control, tuple[Answer, ...]] = {}
        moved: MovedPictures | None = None
        task = wrong_task(description, self.tasks, self.wrong_tasks) or ""
        for number, control in enumerate(self._shown(description)):
            shown: RecordedEpisode
            if control is Control.WRONG_TASK:
                shown = WrongTask(episode, task)
            else:
                moved = moved or MovedPictures(episode)
                shown = moved.shown(control)
            before_s = number * description.duration_s
            told = _later(on_time, before_s)
            answers[control] = judge.judge(shown, (), told, watch=False).answers
        left_out = {}
        if Control.WRONG_TASK in self.controls and Control.WRONG_TASK not in answers:
            left_out[Control.WRONG_TASK] = "There is one task only; name another one with --wrong-task."
        ControlAnswers(
            judge=QualifiedJudge.of(judge.provenance),
            runs_on=judge.provenance.provider,
            answers=answers,
            wrong_task=task if Control.WRONG_TASK in answers else "",
            left_out=left_out,
        ).write(folder)

    def _shown(self, description: EpisodeDescription) -> tuple[Control, ...]:
        has_wrong = wrong_task(description, self.tasks, self.wrong_tasks) is not None
        return tuple(control for control in self.controls if has_wrong or control is not Control.WRONG_TASK)


def _later(on_time: Callable[[float], None], before_s: float) -> Callable[[float], None]:
    return lambda time_s: on_time(before_s + time_s)
