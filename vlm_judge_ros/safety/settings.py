"""When the robot is to stop, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vlm_judge_ros.monitors.finding import Severity


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What is watched, and how long it may be silent. Every timeout is in seconds on the steady clock.

    Attributes:
        judge: name of the judge node, for texts.
        stop_severity: a confirmed failure of at least this severity stops the robot.
        heartbeat_timeout_s: silence of the judge node.
        verdict_timeout_s: age of the evidence of the verdict while an episode runs.
        unknown_timeout_s: how long a verdict may be UNKNOWN while an episode runs.
        require_judge_at_start: a judge node that was never heard is silent too, once the grace is over.
        startup_grace_s: how long after the start the judge node and the sources may take to be heard first.
        source_timeouts_s: silence of each named source, by its topic.
    """

    judge: str = "judge_node"
    stop_severity: Severity = Severity.ERROR
    heartbeat_timeout_s: float = 0.5
    verdict_timeout_s: float = 8.0
    unknown_timeout_s: float = 10.0
    require_judge_at_start: bool = True
    startup_grace_s: float = 60.0
    source_timeouts_s: Mapping[str, float] = field(default_factory=dict)
