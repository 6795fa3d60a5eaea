"""From candidates to questions for a judge, and from its opinions to an answer; who asks, and when, is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.steering.arm import Arm
from vlm_judge_ros.steering.candidate import Candidate
from vlm_judge_ros.steering.consistency import ConsistencyRules, SceneNow
from vlm_judge_ros.steering.continuation import alike, continued
from vlm_judge_ros.steering.drawn_paths import Canvas, draw_candidates
from vlm_judge_ros.steering.motion_limits import MotionLimits, motion_veto
from vlm_judge_ros.steering.request import CandidateAnswer, ScoringAnswer, ScoringRequest
from vlm_judge_ros.steering.scored import CandidateState, Exclusion, Scores
from vlm_judge_ros.steering.selection import SelectionRules, choose
from vlm_judge_ros.steering.signal_veto import SignalVetoes
from vlm_judge_ros.tasks.task import Task

_OTHERS_SHOW_FRAMES = "It shows a path and no predicted frames, which the others show; send its frames too."
_OTHERS_SHOW_PATHS = "It shows predicted frames and no path that can be drawn, as more of the others do; send its path."


@dataclass(frozen=True, slots=True)
class SteeringSettings:
    """How candidates are scored.

    Attributes:
        limits: what no candidate may do.
        rules: how one is chosen.
        canvas: how the paths of candidates can be drawn for this judge; None where it cannot read drawings.
        consistency: what predicted frames may change of what is seen now; None to let them show anything.
        shown_frames: how many predicted frames of each camera the judge is shown, an even choice with the last; 0 for
            all. All candidates show as many as the one that has fewest.
        task: the declared task, whose limits and formulas predicted signals may not break; None for none.
        arm: where joints lead the end effector, so that joint trajectories are held against the workspace of the
            limits; None where that is not known.
    """

    limits: MotionLimits = field(default_factory=MotionLimits)
    rules: SelectionRules = field(default_factory=SelectionRules)
    canvas: Canvas | None = None
    consistency: ConsistencyRules | None = field(default_factory=ConsistencyRules)
    task: Task | None = None
    shown_frames: int = 0
    arm: Arm | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One thing to ask a judge.

    Attributes:
        candidate: index of the candidate that it is about.
        voice: which voice speaks; every candidate is asked about by every voice.
        evidence: what the judge is shown. Those of one request share their beginning, so that a model that remembers
            what it has read is asked about K candidates for little more than about one.
    """

    candidate: int
    voice: int
    evidence: Evidence


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A request that was looked through before any model is asked.

    Attributes:
        request: what was asked.
        excluded: why a candidate is out, by its index.
        questions: what is left to ask, in the best order: one voice about all candidates, then the next.
        voices: how many voices there are.
        needs_all_voices: a candidate has no score before every voice has spoken on it, because each is another order of
            the same question.
    """

    request: ScoringRequest
    excluded: Mapping[int, Exclusion]
    questions: tuple[Question, ...]
    voices: int
    needs_all_voices: bool = False


def prepare(
    request: ScoringRequest, evidence: Evidence, settings: SteeringSettings, vetoes: SignalVetoes | None = None
) -> Prepared:
    """Let the fast layers veto, and make questions of what is left.

    Args:
        request: checked by `check_request` before.
        evidence: what really happened until now.
        settings: how candidates are scored.
        vetoes: what predicted signals are held against; None where no task is declared.

    Raises:
        BrokenImage: a keyframe cannot be decoded.
        JudgeError: a candidate predicts a signal that the task does not declare.
    """
    excluded: dict[int, Exclusion] = {}
    left: dict[int, Candidate] = {}
    shown = any(candidate.frames for candidate in request.candidates)
    scene = SceneNow(evidence, settings.consistency) if shown and settings.consistency is not None else None
    for index, candidate in enumerate(request.candidates):
        exclusion = _vetoed(candidate, settings, vetoes) or _inconsistent(candidate, scene, request.from_ns)
        if exclusion is not None:
            excluded[index] = exclusion
        else:
            left[index] = candidate
    framed = {index: candidate for index, candidate in left.items() if candidate.frames}
    if len(framed) < len(left):
        drawn = draw_candidates(left, evidence, settings.canvas)
        # What frames show and what a path shows cannot be compared: the way that shows more of the candidates is taken.
        by_frames = len(framed) >= drawn.candidates
        for index in left.keys() - (framed.keys() if by_frames else drawn.voices[0].keys()):
            reason = drawn.reasons.get(index, _OTHERS_SHOW_FRAMES) if index not in framed else _OTHERS_SHOW_PATHS
            excluded[index] = Exclusion(CandidateState.MISSING_EVIDENCE, reason)
        if not by_frames:
            asked = enumerate(drawn.voices)
            questions = (Question(index, voice, one) for voice, pieces in asked for index, one in pieces.items())
            return Prepared(request, excluded, tuple(questions), len(drawn.voices), needs_all_voices=True)
    shown_of = alike(framed, settings.shown_frames)
    questions = (Question(index, 0, continued(evidence, one, request.from_ns)) for index, one in shown_of.items())
    return Prepared(request, excluded, tuple(questions), 1)


def _vetoed(candidate: Candidate, settings: SteeringSettings, vetoes: SignalVetoes | None) -> Exclusion | None:
    reason = motion_veto(candidate, settings.limits, settings.arm)
    if not reason and vetoes is not None and candidate.signals:
        reason = vetoes.veto(candidate)
    return Exclusion(CandidateState.VETOED, reason) if reason else None


def _inconsistent(candidate: Candidate, scene: SceneNow | None, from_ns: int) -> Exclusion | None:
    if scene is None or not candidate.frames:
        return None
    try:
        doubt = scene.doubt(candidate, from_ns)
    except BrokenImage as error:
        return Exclusion(CandidateState.MISSING_EVIDENCE, f"A predicted frame cannot be looked at: {error}")
    return Exclusion(CandidateState.INCONSISTENT, doubt) if doubt else None


def scores_of(prepared: Prepared, opinions: Sequence[Opinion | str | None]) -> Scores:
    """What the judge has said so far, as numbers; opinions as for `conclude`."""
    values = np.full((len(prepared.request.candidates), prepared.voices), np.nan)
    for question, opinion in zip(prepared.questions, opinions, strict=True):
        if isinstance(opinion, Opinion):
            values[question.candidate, question.voice] = opinion.progress
    if prepared.needs_all_voices:
        values[np.isnan(values).any(axis=1)] = np.nan
    return Scores(values, prepared.excluded)


def conclude(
    prepared: Prepared,
    opinions: Sequence[Opinion | str | None],
    settings: SteeringSettings,
    provenance: JudgeProvenance,
    random: np.random.Generator | None = None,
) -> ScoringAnswer:
    """Choose by what the judge has said so far.

    Args:
        prepared: what was asked.
        opinions: for each question the opinion, why there is none, or None where it has not come in time.
        settings: how one is chosen.
        provenance: which judge was asked; what its opinions say of that counts more.
        random: where the rules set a temperature.
    """
    provenance = next((opinion.provenance for opinion in opinions if isinstance(opinion, Opinion)), provenance)
    reasons: dict[int, str] = {}
    for question, opinion in zip(prepared.questions, opinions, strict=True):
        if opinion is not None:
            reasons[question.candidate] = opinion.reason if isinstance(opinion, Opinion) else opinion
    scores = scores_of(prepared, opinions)
    answers = tuple(_answer(index, scores, reasons) for index in range(scores.candidates))
    return ScoringAnswer(answers, choose(scores, settings.rules, random), provenance)


def _answer(index: int, scores: Scores, reasons: Mapping[int, str]) -> CandidateAnswer:
    state = scores.state_of(index)
    if index in scores.excluded:
        return CandidateAnswer(index, state, np.nan, np.nan, scores.excluded[index].reason)
    score = scores.mean_of(index)
    fallback = f"The judge expects {score:.0%} of the task." if np.isfinite(score) else "The deadline came first."
    return CandidateAnswer(index, state, score, scores.spread_of(index), reasons.get(index) or fallback)
