"""What the gate asks for before it believes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Layer, Severity
from vlm_judge_ros.monitors.motion import IMAGE_MOTION, JOINT_MOTION
from vlm_judge_ros.tasks.task import Task
from vlm_judge_ros.verdict.debounce import DebounceLimits

MOTION = frozenset((JOINT_MOTION, IMAGE_MOTION))

ALWAYS_ASKED = (Layer.HEALTH, Layer.STRUCTURE, Layer.JUDGE)
"""Layers that every task asks for: the cameras' health, the trend of progress, the judge."""


@dataclass(frozen=True, slots=True)
class GateLimits(DebounceLimits):
    """What the gate asks for before it believes.

    Attributes:
        cameras: cameras without which nothing can be concluded.
        success_evidence: names of the findings of physical evidence that success needs; at least one.
        success_hold_s: how long judge and evidence have to agree without a break, in seconds of evidence.
        review_confirms: success also needs a review that says complete, on frames no older than the judge's first.
        severities: severity of failures that a judge names, and of lasting blindness, by mode; ERROR for all others.
        monitors: layer and name of each monitor that the task declares; each has to say something.
        judge_fault_s: how long the judge has to be of no use until that is a fault, where this is longer than
            `failure_hold_s`. A model may be slow or at a loss for a moment, which is no reason to stop a robot.

    Raises:
        JudgeError: a number is out of range, or success would need no physical evidence.
    """

    cameras: tuple[str, ...] = ()
    success_evidence: tuple[str, ...] = ()
    success_hold_s: float = 0.8
    review_confirms: bool = False
    severities: Mapping[FailureMode, Severity] = field(default_factory=dict)
    monitors: tuple[tuple[Layer, str], ...] = ()
    judge_fault_s: float = 0.0

    def __post_init__(self) -> None:
        DebounceLimits.__post_init__(self)
        if not self.cameras:
            raise JudgeError("cameras is empty; name at least one.")
        if not self.success_evidence:
            raise JudgeError(
                "success_evidence is empty; name at least one, because a judge alone never grants success."
            )
        if not 0.0 <= self.success_hold_s <= 3600.0:
            raise JudgeError(f"success_hold_s is {self.success_hold_s}; give seconds from 0 to 3600.")

    @property
    def asked_layers(self) -> tuple[Layer, ...]:
        """Layers that the task asks for."""
        asked = {*ALWAYS_ASKED, *(layer for layer, _ in self.monitors)}
        if MOTION & set(self.success_evidence):
            asked.add(Layer.EVENT)
        return tuple(sorted(asked))

    @property
    def only_motion(self) -> bool:
        """Whether nothing is asked for but that something has moved, which any failure shows as well.

        Then the judge is all that tells success from failure, and it has to have shown in this episode that it can say
        both.
        """
        return MOTION.issuperset(self.success_evidence)

    def fault_hold_s(self, mode: FailureMode) -> float:
        """Seconds that blindness of a mode has to last until it is a fault."""
        return max(self.failure_hold_s, self.judge_fault_s if mode is FailureMode.JUDGE_FAULT else 0.0)

    def severity(self, mode: FailureMode) -> Severity:
        """Severity of a failure that no monitor has given one."""
        return self.severities.get(mode, Severity.ERROR)

    def of(self, task: Task) -> GateLimits:
        """The limits for a task, as its file declares it."""
        return replace(
            self,
            success_evidence=task.success.evidence,
            success_hold_s=task.success.hold_s,
            severities=task.failure_modes,
            monitors=tuple((monitor.layer, monitor.name) for monitor in task.monitors),
        )
