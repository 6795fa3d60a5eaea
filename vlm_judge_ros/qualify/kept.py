"""Reads judged episodes from their folders, with what is known of them: everything that a card is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.card import QualifiedJudge
from vlm_judge_ros.qualify.control_answers import ControlAnswers, read_control_answers
from vlm_judge_ros.qualify.controls import how_shown
from vlm_judge_ros.qualify.known_truth import known_truth
from vlm_judge_ros.qualify.qualified_episode import Control, QualifiedEpisode
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.people import people_say, preferences_of
from vlm_judge_ros.replay.outputs.episode_file import read_episode
from vlm_judge_ros.replay.scoring.result_folder import finished_episodes
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.tasks.words import same_words


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
    people, preferred = people_say(labels), preferences_of(labels)
    episodes, unlabelled = [], []
    judges: dict[QualifiedJudge, str] = {}
    runs_on: set[str] = set()
    answered: list[ControlAnswers] = []
    for path in folders:
        trace = read_episode(path, pictures=False).trace
        told = read_control_answers(path)
        if told is not None or trace.answers:
            judges.setdefault(told.judge if told is not None else judge_of(trace, path.name), path.name)
            runs_on.add(told.runs_on if told is not None else _runs_on(trace))
        answered += [told] if told is not None else []
        truth = known_truth(trace.truth, trace.true_progress, people.get(path.name))
        if not truth.anything and path.name not in preferred:
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
                preferred=preferred.get(path.name, {}),
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


def judge_of(trace: EpisodeTrace, key: str) -> QualifiedJudge:
    """The judge of an episode.

    Raises:
        JudgeError: the episode was judged before that was kept.
    """
    told = trace.instrument
    if told is None:
        raise JudgeError(
            f"The episode {key} was judged by an older version, which wrote down for people alone which judge it was; "
            "score it again."
        )
    return QualifiedJudge(
        model=told.model,
        model_hash=told.model_hash,
        method=told.method,
        prompt_hash=told.prompt_hash,
        calibration=told.calibration,
    )


def _runs_on(trace: EpisodeTrace) -> str:
    return trace.instrument.provider if trace.instrument is not None else ""


def _task_of(trace: EpisodeTrace) -> str:
    if trace.truth is not None and trace.truth.task:
        return trace.truth.task
    if trace.instrument is not None:
        declared = trace.instrument.task
    else:
        # Of an older episode: its name, a space and a hash.
        declared = trace.provenance.get("task file", "").rpartition(" ")[0]
    return declared or same_words(trace.task)


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
