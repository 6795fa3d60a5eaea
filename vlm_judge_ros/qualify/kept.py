"""Reads judged episodes from their folders, with what is known of them: everything that a card is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.card import QualifiedJudge
from vlm_judge_ros.qualify.control_answers import ControlAnswers, read_control_answers
from vlm_judge_ros.qualify.controls import how_shown
from vlm_judge_ros.qualify.known import known
from vlm_judge_ros.qualify.qualified_episode import Control, QualifiedEpisode
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.people import people_say
from vlm_judge_ros.replay.outputs.episode_file import read_episode
from vlm_judge_ros.replay.scoring.result_folder import finished_episodes
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.tasks.words import same_words

_NAME_AND_HASH = re.compile(r"(?P<name>.*?) ?(?P<hash>[0-9a-f]{8,64})?")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a folder of judged episodes holds.

    Attributes:
        episodes: those of which something is known, in order of key.
        unlabelled: keys of the others.
        judge: which judge it was.
        runs_on: what its model ran on.
        controls: how each control was shown, or why it was not, by its name; empty where none was asked for.
    """

    episodes: tuple[QualifiedEpisode, ...]
    unlabelled: tuple[str, ...]
    judge: QualifiedJudge
    runs_on: str
    controls: dict[str, str]


def read_kept(folder: Path, labels: Sequence[Label] = ()) -> Kept:
    """Read the episodes in a folder of `vlm-judge qualify` or `vlm-judge score`.

    Args:
        folder: it.
        labels: what people say, by the keys of the episodes.

    Raises:
        JudgeError: there are none, one is damaged, different judges made them, or nothing is known of any.
    """
    folders = finished_episodes(folder)
    if not folders:
        raise JudgeError(
            f"There is no judged episode in {folder}; name the folder that `vlm-judge qualify` or `vlm-judge score` "
            "wrote."
        )
    people = people_say(labels)
    episodes, unlabelled = [], []
    judges: dict[QualifiedJudge, str] = {}
    runs_on: set[str] = set()
    answered: list[ControlAnswers] = []
    for path in folders:
        trace = read_episode(path, pictures=False).trace
        told = read_control_answers(path)
        if told is not None or trace.answers:
            judges.setdefault(told.judge if told is not None else judge_of(trace), path.name)
            runs_on.add(told.runs_on if told is not None else trace.provenance.get("runs on", ""))
        answered += [told] if told is not None else []
        truth = known(trace.truth, trace.true_progress, people.get(path.name))
        if not truth.anything:
            unlabelled.append(path.name)
            continue
        episodes.append(
            QualifiedEpisode(
                key=path.name,
                task=_task_of(trace),
                trace=trace,
                score=truth.score,
                success=truth.success,
                failure_mode=truth.failure_mode,
                onset_s=truth.onset_s,
                completed_s=truth.completed_s,
                true_progress=trace.true_progress,
                controls=told.answers if told is not None else {},
            )
        )
    if len(judges) > 1:
        first, second = list(judges.items())[:2]
        different = ", ".join(first[0].differences(second[0])) or "model"
        raise JudgeError(
            f"The episodes {first[1]} and {second[1]} in {folder} were judged by different judges ({different}); "
            "qualify each in a folder of its own."
        )
    if not judges:
        raise JudgeError(f"No episode in {folder} has an answer of a judge; see the verdicts for why, and judge again.")
    if not episodes:
        raise JudgeError(
            f"Nothing is known of any of the {len(unlabelled)} episodes in {folder}; label some with `vlm-judge label` "
            "and give the file with --labels."
        )
    (judge,) = judges
    controls = _controls(answered)
    return Kept(tuple(episodes), tuple(unlabelled), judge, ", ".join(sorted(filter(None, runs_on))), controls)


def judge_of(trace: EpisodeTrace) -> QualifiedJudge:
    """The judge as `vlm-judge score` has told it for people."""
    told = trace.provenance
    model, prompts = _parts(told.get("model", "")), _parts(told.get("prompts", ""))
    return QualifiedJudge(
        model=model[0],
        model_hash=model[1],
        method=told.get("method", ""),
        prompt_hash=prompts[1],
        calibration=told.get("calibration", ""),
    )


def _parts(text: str) -> tuple[str, str]:
    found = _NAME_AND_HASH.fullmatch(text)
    return (found["name"], found["hash"] or "") if found is not None else (text, "")


def _task_of(trace: EpisodeTrace) -> str:
    if trace.truth is not None and trace.truth.task:
        return trace.truth.task
    return _parts(trace.provenance.get("task file", ""))[0] or same_words(trace.task)


def _controls(answered: Sequence[ControlAnswers]) -> dict[str, str]:
    told: dict[str, str] = {}
    for control in Control:
        shown = sum(control in one.answers for one in answered)
        left_out = [one.left_out[control] for one in answered if control in one.left_out]
        if shown:
            told[control.value] = how_shown(control)
        elif left_out:
            told[control.value] = f"Not shown. {left_out[0]}"
    return told
