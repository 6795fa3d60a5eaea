"""A judging session with a judge in a process of its own, whose clock only a test moves."""

from __future__ import annotations

import threading
import time

from node.told_by_grey import frame, picture

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.worker import WorkerSettings
from vlm_judge_ros.session.candidate_scoring import ScoringOptions
from vlm_judge_ros.session.judging import Judging, JudgingOptions
from vlm_judge_ros.steering.bounds import RequestBounds
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame
from vlm_judge_ros.steering.request import ScoringAnswer, ScoringRequest
from vlm_judge_ros.tasks.task_set import TaskSet
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.settings import CameraSettings, EngineSettings
from vlm_judge_ros.verdict.verdict import Verdict

START_NS = 1_700_000_000_000_000_000
PATIENCE_S = 60.0


class Silent:
    """Nobody listens to what is judged."""

    def progress(self, update: ProgressUpdate) -> None: ...

    def review(self, update: ProgressUpdate) -> None: ...

    def failure(self, event: FailureEvent) -> None: ...

    def verdict(self, verdict: Verdict) -> None: ...

    def note(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...


class Session:
    """A session with one camera."""

    def __init__(
        self,
        judge: str = "node.told_by_grey:create",
        scoring: ScoringOptions | None = None,
        tasks: TaskSet | None = None,
        hold_s: float = 0.0,
    ) -> None:
        self.woken = threading.Event()
        self.now_ns = START_NS
        self.judging = Judging(
            EngineSettings(
                cameras=(CameraSettings("front"),), failure_count=1, failure_hold_s=hold_s, judge_failure_hold_s=hold_s
            ),
            WorkerSettings(judge, hang_timeout_s=1.0, backoff_s=0.05),
            JudgingOptions(deadline_s=PATIENCE_S, auto_episode=False),
            Silent(),
            self.woken.set,
            tasks=tasks,
            scoring=scoring or ScoringOptions(bounds=RequestBounds(candidates=4)),
        )
        self.judging.wait_until_ready(lambda: True)
        self.judging.activate(self.now_ns)

    def begin(self, grey: int = 10) -> None:
        """Start an episode of which one picture is seen."""
        if self.judging.engine.episode_id:
            self.judging.end_episode("", self.now_ns)
        self.now_ns += 1_000_000_000
        self.judging.add_frame(frame("front", self.now_ns, grey), self.now_ns)
        self.judging.start_episode("", "push the block", self.now_ns)

    def ask(self, *greys: int, deadline_s: float = PATIENCE_S, from_ns: int = 0) -> list[ScoringAnswer | JudgeError]:
        """Ask about candidates that each predict one picture; the list will hold the answer."""
        frames = (PredictedFrame("front", 0.5, picture(grey)) for grey in greys)
        return self.ask_about(*(Candidate(frames=(one,)) for one in frames), deadline_s=deadline_s, from_ns=from_ns)

    def ask_about(
        self, *candidates: Candidate, deadline_s: float = PATIENCE_S, from_ns: int = 0
    ) -> list[ScoringAnswer | JudgeError]:
        answers: list[ScoringAnswer | JudgeError] = []
        request = ScoringRequest(candidates, from_ns or self.now_ns, deadline_s)
        self.judging.score_candidates(request, self.now_ns, answers.append)
        return answers

    def until(self, answers: list[ScoringAnswer | JudgeError]) -> ScoringAnswer | JudgeError:
        end_s = time.monotonic() + PATIENCE_S
        while not answers:
            assert time.monotonic() < end_s
            self.woken.wait(0.05)
            self.woken.clear()
            self.judging.take_news(self.now_ns)
            self.judging.scoring.tick()
        return answers[0]

    def answer(self, *greys: int, deadline_s: float = PATIENCE_S) -> ScoringAnswer:
        answer = self.until(self.ask(*greys, deadline_s=deadline_s))
        assert isinstance(answer, ScoringAnswer), answer
        return answer
