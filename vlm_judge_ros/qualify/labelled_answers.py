"""Judged episodes and what is true of them, answer by answer, as calibrations are fitted on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import Reads, load_calibration
from vlm_judge_ros.judges.card import QualifiedJudge
from vlm_judge_ros.judges.failure_band import Signal, signals_of
from vlm_judge_ros.qualify.functional_band import SignalCourse
from vlm_judge_ros.qualify.kept import judge_of
from vlm_judge_ros.qualify.known_truth import COMPLETE, known_truth
from vlm_judge_ros.qualify.mapping import Course, Goal
from vlm_judge_ros.replay.labels.figure import Floats
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.people import people_say
from vlm_judge_ros.replay.outputs.episode_file import ScoredEpisode
from vlm_judge_ros.replay.trace import Answer, EpisodeTrace


@dataclass(frozen=True, slots=True)
class LabelledEpisode:
    """One judged episode of which it is known how it ended.

    Attributes:
        key: of the episode.
        trace: what was judged.
        success: whether the task was done at the end.
        onset_s: when the failure began; None where nobody knows, or there was none.
        answers: those in which the judge said how far the task is.
        progress: true progress at each of them; NaN where nobody knows.
        complete: 1 or 0 at each of them, whether the task was complete; NaN where nobody knows.
    """

    key: str
    trace: EpisodeTrace
    success: bool
    onset_s: float | None
    answers: tuple[Answer, ...]
    progress: Floats
    complete: Floats

    def course(self, goal: Goal, reads: Reads) -> Course | None:
        """The judge's numbers with what they stand for; None where nothing is known of any."""
        targets = self.progress if goal is Goal.PROGRESS else self.complete
        scores = np.array([number(answer, reads) for answer in self.answers])
        known = ~np.isnan(scores) & ~np.isnan(targets)
        return Course(self.key, scores[known], targets[known]) if known.any() else None

    def signals(self, wanted: Iterable[Signal]) -> SignalCourse | None:
        """The signals of the answers that have all of them; None where none has."""
        told = [signals_of(a.progress, a.raw_score, a.failure_probability, a.novelty) for a in self.answers]
        whole = [place for place, each in enumerate(told) if not any(math.isnan(each[signal]) for signal in wanted)]
        if not whole:
            return None
        times_s = np.array([self.answers[place].time_s for place in whole])
        return SignalCourse(
            self.key, times_s, {signal: np.array([told[place][signal] for place in whole]) for signal in wanted}
        )


def number(answer: Answer, reads: Reads) -> float:
    """What a mapping reads of an answer; NaN where it does not tell."""
    if reads is Reads.RAW_SCORE:
        return answer.raw_score
    return answer.progress if reads is Reads.PROGRESS else answer.success_probability


def labelled(episodes: Sequence[ScoredEpisode], labels: Sequence[Label]) -> tuple[LabelledEpisode, ...]:
    """The episodes of which it is known how they ended, in order of key; what people say goes before what was recorded.

    Raises:
        JudgeError: two episodes have the same key.
    """
    said = people_say(labels)
    places: dict[str, ScoredEpisode] = {}
    found: list[LabelledEpisode] = []
    for episode in sorted(episodes, key=lambda each: (each.key, str(each.folder))):
        if episode.key in places:
            raise JudgeError(
                f"The episode {episode.key} is in {places[episode.key].folder.parent} and in {episode.folder.parent}; "
                "name only one of them."
            )
        places[episode.key] = episode
        trace = episode.trace
        truth = known_truth(trace.truth, trace.true_progress, said.get(episode.key))
        if truth.success is None:
            continue
        answers = tuple(answer for answer in trace.answers if not math.isnan(answer.progress))
        progress = _true_progress(trace, answers, 1.0 if truth.success and truth.score is None else truth.score)
        complete = _complete(trace, answers, truth.success)
        onset_s = None if truth.success else truth.onset_s
        found.append(LabelledEpisode(episode.key, trace, truth.success, onset_s, answers, progress, complete))
    return tuple(found)


def the_judge(episodes: Sequence[LabelledEpisode]) -> QualifiedJudge:
    """The one judge that answered in all episodes.

    Raises:
        JudgeError: there are several, it cannot be told apart from others, or it was calibrated already.
    """
    judges: Mapping[QualifiedJudge, str] = {judge_of(each.trace, each.key): each.key for each in episodes}
    if len(judges) > 1:
        one, other = list(judges.values())[:2]
        raise JudgeError(
            f"The episodes {one} and {other} were judged by different judges, and a calibration belongs to one; score "
            "all with the same."
        )
    judge = next(iter(judges))
    if not judge.model_hash:
        raise JudgeError(
            "The model of the judge has no hash, as behind a server, so that nothing could tell whether a calibration "
            "fits it; score the episodes with a model on board."
        )
    if judge.calibration not in ("", load_calibration().label):
        raise JudgeError(
            f"The episodes were judged with the calibration {judge.calibration}; score them again without one, so that "
            "what is fitted is the judge and not the calibration."
        )
    return judge


def _true_progress(trace: EpisodeTrace, answers: Sequence[Answer], score: float | None) -> Floats:
    """The recorded course; where there is none, what is said of the end, for the last answer alone."""
    if trace.true_progress.times_s:
        return np.array([trace.true_progress.at(answer.time_s) for answer in answers])
    progress = np.full(len(answers), math.nan)
    if answers and score is not None:
        progress[-1] = score
    return progress


def _complete(trace: EpisodeTrace, answers: Sequence[Answer], success: bool) -> Floats:
    if not success:
        return np.zeros(len(answers))
    if trace.true_progress.times_s:
        values = np.array([trace.true_progress.at(answer.time_s) for answer in answers])
        return np.where(np.isnan(values), math.nan, (values >= COMPLETE).astype(np.float64))
    complete = np.full(len(answers), math.nan)
    if answers:
        complete[-1] = 1.0
    return complete
