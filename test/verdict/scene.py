"""A scripted scene that feeds an engine: two cameras see a spot move, a joint turns, a judge has set answers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.settings import EngineSettings
from vlm_judge_ros.verdict.verdict import Verdict

START_NS = 1_700_000_000 * 1_000_000_000
SCRIPTED = JudgeProvenance("scripted", "0" * 16, "cpu", "scripted")


class TinyImage:
    """An image of a few bytes that knows its form."""

    def __init__(self, size_bytes: int = 768, form: str = "32x24 mono8") -> None:
        self.size_bytes = size_bytes
        self.form = form

    def rgb(self) -> NDArray[np.uint8]:
        """Return a grey image."""
        return np.full((24, 32, 3), 90, dtype=np.uint8)

    def grey(self) -> NDArray[np.uint8]:
        """Return the same without colours."""
        return np.full((24, 32), 90, dtype=np.uint8)


def thumbnail(place: float) -> NDArray[np.uint8]:
    """Return a grey picture with a bright square at a place from 0 to 1."""
    picture = np.full((24, 32), 60, dtype=np.uint8)
    column = round((place % 1.0) * 24)
    picture[8:16, column : column + 8] = 200
    return picture


def frame(camera: str, time_s: float, place: float | None = None, image: TinyImage | None = None) -> Frame:
    """Return a frame of a camera, seconds after the start."""
    shown = thumbnail(time_s / 10.0 if place is None else place)
    return Frame(camera, START_NS + nanoseconds(time_s), image or TinyImage(), shown)


class Scene:
    """Drives an engine at ten frames a second and answers its questions."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.engine = Engine(settings or EngineSettings())
        self.time_s = 0.0
        self.verdicts: list[Verdict] = [self.engine.start_episode("one", "push the button", START_NS)]
        self.answer = {"progress": 0.1, "success_probability": 0.0, "failure_probability": 0.0}
        self.mode = FailureMode.NONE
        self.reason = ""
        self.cameras: tuple[str, ...] = self.engine.settings.camera_names
        self.joints = True
        self.moving = True
        self.judging = True
        self.doubted = False

    @property
    def now_ns(self) -> int:
        """The node clock."""
        return START_NS + nanoseconds(self.time_s)

    def run(self, duration_s: float, **answer: float) -> Verdict:
        """Let time pass while the judge answers as told, and return the last verdict."""
        self.answer.update(answer)
        for _ in range(round(duration_s * 10)):
            self.time_s += 0.1
            place = self.time_s / 10.0 if self.moving else 0.0
            for camera in self.cameras:
                self.engine.add_frame(frame(camera, self.time_s, place), self.now_ns)
            if self.joints:
                angle = math.sin(self.time_s) if self.moving else 0.0
                self.engine.add_joint_state(JointSample(self.now_ns, ("elbow",), (angle,)))
            self._ask()
            self.verdicts.append(self.engine.check(self.now_ns))
        return self.verdicts[-1]

    def _ask(self) -> None:
        request = self.engine.due(self.now_ns)
        evidence = request.evidence if request and self.judging else None
        if evidence is None:
            return
        mode = self.mode if self.answer["failure_probability"] > 0.5 else FailureMode.NONE
        # Nobody believes a judge on motion alone that never said anything but complete.
        success = self.answer["success_probability"]
        if not self.doubted and not math.isnan(success):
            success, self.doubted = 0.0, True
        opinion = Opinion(
            evidence,
            SCRIPTED,
            self.answer["progress"],
            success,
            self.answer["failure_probability"],
            mode,
            reason=self.reason,
        )
        self.verdicts.append(self.engine.add_opinion(opinion, self.now_ns))
