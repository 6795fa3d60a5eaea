"""Which of K candidates to execute, as a call without ROS."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.opinion import Judge
from vlm_judge_ros.steering import hearing
from vlm_judge_ros.steering.asking import Asking
from vlm_judge_ros.steering.bounds import RequestBounds, check_scoring
from vlm_judge_ros.steering.hearing import Heard
from vlm_judge_ros.steering.questions import Prepared, SteeringSettings, conclude, prepare
from vlm_judge_ros.steering.request import ScoringAnswer, ScoringRequest
from vlm_judge_ros.steering.signal_veto import SignalVetoes

_SETTINGS = SteeringSettings()
_BOUNDS = RequestBounds()


class CandidateScorer:
    """Scores candidates by a judge in this process and chooses among them.

    Calls may come from several threads; the judge is asked one question at a time. A call returns by its deadline even
    where the judge cannot be cancelled; the judge then finishes the question that runs before it begins with the next
    request.

    Args:
        judge: who is asked.
        settings: how candidates are scored and chosen.
        bounds: the largest request that is answered.
        seed: of the draw, where the settings have a temperature.
    """

    def __init__(
        self,
        judge: Judge,
        settings: SteeringSettings = _SETTINGS,
        bounds: RequestBounds = _BOUNDS,
        seed: int = 0,
    ) -> None:
        self._judge = judge
        self._settings = settings
        self._bounds = bounds
        self._random = np.random.default_rng(seed)
        self._free = threading.Lock()

    @classmethod
    def of(
        cls,
        judge: str,
        options: JudgeOptions | None = None,
        settings: SteeringSettings = _SETTINGS,
        bounds: RequestBounds = _BOUNDS,
    ) -> CandidateScorer:
        """Make the judge too.

        Args:
            judge: a name or an import path, as in `judges.factory.resolve`.
            options: of the judge; None for those that it has by itself.
            settings: how candidates are scored and chosen.
            bounds: the largest request that is answered.

        Raises:
            JudgeError: the judge cannot be made.
        """
        options = options or JudgeOptions()
        return cls(resolve(judge)(options), settings, bounds, options.seed)

    @property
    def judge(self) -> Judge:
        """Who is asked."""
        return self._judge

    def score(self, request: ScoringRequest, evidence: Evidence, past: Sequence[SignalSample] = ()) -> ScoringAnswer:
        """Score the candidates, and choose one of them or none.

        What the judge has not said by the deadline is not scored, and the choice is made among the others. Asking ends
        early where no answer could change the choice. Where the judge fails over one candidate, the cause is the reason
        of that candidate.

        Args:
            request: the candidates.
            evidence: what really happened until now.
            past: signals of the episode until now, oldest first, for formulas of the task that look back.

        Raises:
            JudgeError: the request cannot be answered.
        """
        began = time.monotonic()
        check_scoring(request, evidence, self._bounds)
        task = self._settings.task
        vetoes = SignalVetoes.after(task, request.from_ns, evidence.started_ns, past) if task is not None else None
        prepared = prepare(request, evidence, self._settings, vetoes)
        heard = self._ask(prepared, began + request.deadline_s) if prepared.questions else []
        random = self._random if self._settings.rules.temperature > 0.0 else None
        answer = conclude(prepared, heard, self._settings, self._judge.provenance, random)
        return replace(answer, latency_s=time.monotonic() - began)

    def _ask(self, prepared: Prepared, end: float) -> list[Heard]:
        def is_enough(heard: Sequence[Heard]) -> bool:
            return hearing.is_enough(prepared, heard, self._settings.rules)

        asking = Asking(self._judge, self._free, [question.evidence for question in prepared.questions], is_enough)
        return asking.wait(max(0.0, end - time.monotonic()))
