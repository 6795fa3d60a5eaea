"""Evenly grey pictures as candidates, and judges that read progress off the grey of the newest one."""

from __future__ import annotations

import threading

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame
from vlm_judge_ros.steering.request import ScoringRequest

NOW_NS = 1_000_000_000
WAIT_S = 30.0


def image(grey: int) -> RawImage:
    return RawImage(np.full((24, 32, 3), grey, dtype=np.uint8).tobytes(), 32, 24, "rgb8", 96)


def evidence() -> Evidence:
    picture = image(10)
    frame = Frame("front", NOW_NS, picture, picture.thumbnail)
    return Evidence("e", "close the drawer", 0, NOW_NS, {"front": (Keyframe(frame, FrameRole.NEWEST),)})


def showing(*greys: int) -> Candidate:
    return Candidate(frames=tuple(PredictedFrame("front", 0.5 * (1 + i), image(grey)) for i, grey in enumerate(greys)))


def asking_for(*greys: int, deadline_s: float = WAIT_S) -> ScoringRequest:
    return ScoringRequest(tuple(showing(grey) for grey in greys), NOW_NS, deadline_s)


def newest_grey(shown: Evidence) -> int:
    return int(shown.keyframes["front"][-1].frame.image.grey()[0, 0])


class GreyJudge:
    """Progress is the grey of the newest frame in percent; 0 is a failure of the judge, and 101 a bug in it.

    Attributes:
        asked: greys that it was asked about, in order.
    """

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.provenance = JudgeProvenance("grey", "", "cpu", "direct")

    def ask(self, evidence: Evidence) -> Opinion:
        grey = newest_grey(evidence)
        self.asked.append(grey)
        if grey == 0:
            raise JudgeError("It is too dark.")
        if grey == 101:
            raise ValueError("too bright")
        return Opinion(evidence, self.provenance, progress=float("nan") if grey == 100 else grey / 100)


class StuckJudge(GreyJudge):
    """Does not answer about the grey 50 until it is let go.

    Attributes:
        began: set when it was asked about that.
        let_go: lets it answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()
        self.let_go = threading.Event()

    def ask(self, evidence: Evidence) -> Opinion:
        if newest_grey(evidence) == 50:
            self.began.set()
            assert self.let_go.wait(WAIT_S)
        return super().ask(evidence)


class CancellableJudge(StuckJudge):
    """The same, and it can be told to stop.

    Attributes:
        stopped: set when it has.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stopped = threading.Event()
        self._cancelled = False

    def ask(self, evidence: Evidence) -> Opinion:
        self._cancelled = False
        opinion = super().ask(evidence)
        if self._cancelled:
            self.stopped.set()
            raise Cancelled("Nobody waits any more.")
        return opinion

    def cancel(self) -> None:
        self._cancelled = True
        self.let_go.set()


def create(options: JudgeOptions) -> GreyJudge:
    return GreyJudge()
