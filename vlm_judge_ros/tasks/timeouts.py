"""The monitors that the timeouts of a task make by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.monitors.timeout import Timeout


def timeout_monitors(
    timeout_s: float, subtasks: Sequence[tuple[str, float, float]], severity: Severity
) -> tuple[Timeout, ...]:
    """Make one monitor for the task and one for each subtask, where it has a timeout.

    Args:
        timeout_s: longest time for the task; 0 for any.
        subtasks: name, weight and longest time of each, in order. Their weights tell from where to where progress
            goes meanwhile, for a judge that tells no subtasks.
        severity: of the failure.
    """
    made = []
    if timeout_s > 0.0:
        made.append(Timeout(kind="timeout", name="task_timeout", severity=severity, timeout_s=timeout_s))
    total = sum(weight for _, weight, _ in subtasks)
    begins = 0.0
    for number, (subtask, weight, longest_s) in enumerate(subtasks, start=1):
        ends = begins + weight / total
        if longest_s > 0.0:
            made.append(
                Timeout(
                    kind="timeout",
                    name=f"subtask_{number}_timeout",
                    severity=severity,
                    timeout_s=longest_s,
                    subtask=subtask,
                    from_share=min(begins, 1.0),
                    to_share=1.0 if number == len(subtasks) else min(ends, 1.0),
                )
            )
        begins = ends
    return tuple(made)
