"""Where the results of judging go. No ROS in here."""

from __future__ import annotations

from typing import Protocol

from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import Verdict


class Outlet(Protocol):
    """Where results go."""

    def progress(self, update: ProgressUpdate) -> None:
        """The judge gave an answer."""

    def review(self, update: ProgressUpdate) -> None:
        """The second judge gave an answer."""

    def failure(self, event: FailureEvent) -> None:
        """A failure changed its status."""

    def verdict(self, verdict: Verdict) -> None:
        """The verdict changed."""

    def note(self, text: str) -> None:
        """Something happened that a person wants to know."""

    def warn(self, text: str) -> None:
        """Something happened that a person has to know."""
