"""Settings of the engine, with the bounds of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from vlm_judge_ros.episode.keyframes import BufferLimits
from vlm_judge_ros.episode.stamps import StampLimits
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.camera_limits import CameraLimits
from vlm_judge_ros.monitors.motion import IMAGE_MOTION, JOINT_MOTION, MotionLimits
from vlm_judge_ros.monitors.progress import TrendLimits
from vlm_judge_ros.verdict.gate_limits import GateLimits
from vlm_judge_ros.verdict.judgement import JudgeLimits
from vlm_judge_ros.verdict.review import ReviewOn, ReviewSettings

EVIDENCE_KINDS = (JOINT_MOTION, IMAGE_MOTION)


class KeyframeChoice(Enum):
    """How the frames that a judge is shown are chosen.

    EVEN spreads them from the first frame to the newest, anew for every question, and adds those at which the motion
    changed. RECENT adds those shortly before the newest, a quarter of a second apart, for judges that watch how things
    move. STEADY changes all but the newest only now and then, see `SteadyViews`, for judges that keep what they have
    read from one question to the next.
    """

    EVEN = "even"
    STEADY = "steady"
    RECENT = "recent"


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """One camera that the task needs."""

    name: str
    limits: CameraLimits = field(default_factory=CameraLimits)

    def __post_init__(self) -> None:
        if not self.name:
            raise JudgeError("A camera has an empty name; give each a name, for example front.")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Everything that the engine can be told.

    The holds are a little shorter than so many periods, because the frames that answer two questions lie a period apart
    only to within a frame.

    Attributes:
        cameras: cameras in the order in which a judge is shown them; every one is needed.
        period_s: seconds between two questions while no chunk is announced.
        asks_during_chunks: ask so often while an announced chunk runs too, not only at its end.
        chunk_grace_s: how long after the end of a chunk its last frames may still arrive before the question goes out.
        spread_count: frames per camera spread evenly over the episode, the first and the newest included; >= 2.
        transition_count: most frames per camera at which the motion changed; none where the choice is steady.
        keyframe_choice: how those frames are chosen.
        recent_count: frames per camera shortly before the newest, where the choice is recent.
        success_evidence: physical evidence that success needs, of `EVIDENCE_KINDS`; at least one.
        success_hold_s: how long the judge has to say complete and the evidence has to be there.
        failure_count: failing answers in a row that make a failure.
        failure_hold_s: seconds that they have to span.
        judge_failure_hold_s: seconds that they have to span where they are answers of a judge.
        recovery_count: answers in a row without failure that heal one.
        recovery_hold_s: seconds that they have to span.
        clock_jump_s: the node clock going back by more than this makes the evidence of the episode void.
        buffer: bounds of each camera's keyframes.
        stamps: limits of the stamps.
        motion: what counts as motion.
        trend: what counts as stalled or lost progress.
        judge: how the judge's numbers are read.
        review: when a second judge is asked; None where there is none.

    Raises:
        JudgeError: a setting is out of range; the message names it.
    """

    cameras: tuple[CameraSettings, ...] = (CameraSettings("front"), CameraSettings("wrist"))
    period_s: float = 1.0
    asks_during_chunks: bool = False
    chunk_grace_s: float = 0.25
    spread_count: int = 8
    transition_count: int = 4
    keyframe_choice: KeyframeChoice = KeyframeChoice.EVEN
    recent_count: int = 12
    success_evidence: tuple[str, ...] = EVIDENCE_KINDS
    success_hold_s: float = 0.8
    failure_count: int = 2
    failure_hold_s: float = 0.8
    judge_failure_hold_s: float = 0.8
    recovery_count: int = 3
    recovery_hold_s: float = 1.5
    clock_jump_s: float = 1.0
    buffer: BufferLimits = field(default_factory=BufferLimits)
    stamps: StampLimits = field(default_factory=StampLimits)
    motion: MotionLimits = field(default_factory=MotionLimits)
    trend: TrendLimits = field(default_factory=TrendLimits)
    judge: JudgeLimits = field(default_factory=JudgeLimits)
    review: ReviewSettings | None = None

    def __post_init__(self) -> None:
        names = self.camera_names
        if len(set(names)) != len(names):
            raise JudgeError(f"cameras names one twice: {', '.join(names)}; give each its own name.")
        for name in ("period_s", "clock_jump_s"):
            value = getattr(self, name)
            if not 0.0 < value <= 3600.0:
                raise JudgeError(f"{name} is {value}; give seconds above 0, 3600 at most.")
        if not 0.0 <= self.chunk_grace_s <= 60.0:
            raise JudgeError(f"chunk_grace_s is {self.chunk_grace_s}; give seconds from 0 to 60.")
        if self.spread_count < 2:
            raise JudgeError(
                f"spread_count is {self.spread_count}; give at least 2, for the first frame and the newest."
            )
        if self.transition_count < 0:
            raise JudgeError(f"transition_count is {self.transition_count}; give 0 for none.")
        unknown = [kind for kind in self.success_evidence if kind not in EVIDENCE_KINDS]
        if unknown:
            raise JudgeError(f"success_evidence names {unknown[0]}; choose from {', '.join(EVIDENCE_KINDS)}.")
        self.gate  # noqa: B018  (the limits of the gate check themselves)

    @property
    def camera_names(self) -> tuple[str, ...]:
        """Names of the cameras, in order."""
        return tuple(camera.name for camera in self.cameras)

    @property
    def gate(self) -> GateLimits:
        """The part of the settings that the gate reads."""
        return GateLimits(
            cameras=self.camera_names,
            success_evidence=self.success_evidence,
            success_hold_s=self.success_hold_s,
            failure_count=self.failure_count,
            failure_hold_s=self.failure_hold_s,
            judge_hold_s=self.judge_failure_hold_s,
            recovery_count=self.recovery_count,
            recovery_hold_s=self.recovery_hold_s,
            review_confirms=self.review is not None and ReviewOn.SUCCESS in self.review.on,
            judge_fault_s=self.judge.opinion_timeout_s,
        )
