"""What is known at each frame of the first camera: the newest verdict by then, as one row of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.known import known
from vlm_judge_ros.judges.opinion import SubtaskState
from vlm_judge_ros.replay.events import BrokenFrame, Event
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import State, SubtaskRecord, Verdict

Row = Mapping[str, Any]


@dataclass(slots=True)
class _Gains:
    """How much a quantity has risen since it was last known."""

    newest: dict[str, float] = field(default_factory=dict)

    def since_last(self, name: str, value: float | None) -> float | None:
        """None where it is not known now, or has not been known before."""
        if value is None:
            return None
        before = self.newest.get(name)
        self.newest[name] = value
        return None if before is None else value - before


class FrameRows:
    """Makes the rows of one episode; each is given out when the next frame comes, because verdicts may still reach it.

    A row holds nothing that became known after its frame, and nothing is rescaled or filled in afterwards.

    Args:
        description: of the episode.
    """

    def __init__(self, description: EpisodeDescription) -> None:
        place = description.place
        self._camera = description.cameras[0]
        self._started_ns = description.started_ns
        self._key = description.key
        self._episode_index = place.episode_index if place is not None else 0
        self._next_index = place.first_index if place is not None else 0
        self._frame_index = 0
        self._waiting: tuple[int, int] | None = None
        self._verdict: Verdict | None = None
        self._failure_probability: float | None = None
        self._gains = _Gains()

    def see(self, event: Event) -> tuple[Row, list[Row]] | None:
        """Something was recorded; returns the row of the frame before, and its rows by subtask, where one is whole."""
        content = event.content
        if not isinstance(content, (Frame, BrokenFrame)) or content.camera != self._camera:
            return None
        before = self.last()
        stamp_ns = content.stamp_ns if isinstance(content, Frame) else event.time_ns
        self._waiting = (stamp_ns, event.time_ns)
        return before

    def progress(self, update: ProgressUpdate, time_ns: int) -> tuple[Row, list[Row]] | None:
        """The judge gave an answer; returns what `see` returns."""
        before = self._before(time_ns)
        self._failure_probability = known(update.opinion.failure_probability)
        return before

    def verdict(self, verdict: Verdict, time_ns: int) -> tuple[Row, list[Row]] | None:
        """The verdict changed; returns what `see` returns."""
        before = self._before(time_ns)
        self._verdict = verdict
        return before

    def last(self) -> tuple[Row, list[Row]] | None:
        """The row that waits, where one does."""
        if self._waiting is None:
            return None
        stamp_ns, _ = self._waiting
        self._waiting = None
        place = {
            "index": self._next_index,
            "episode_index": self._episode_index,
            "frame_index": self._frame_index,
            "timestamp": (stamp_ns - self._started_ns) * 1e-9,
            "episode": self._key,
        }
        self._next_index += 1
        self._frame_index += 1
        subtasks = self._verdict.subtasks if self._verdict is not None else ()
        return {**place, **self._known(subtasks)}, [
            {**place, **self._subtask(number, subtask)} for number, subtask in enumerate(subtasks)
        ]

    def _before(self, time_ns: int) -> tuple[Row, list[Row]] | None:
        """The row that waits, where news of this time come too late for it."""
        return self.last() if self._waiting is not None and time_ns > self._waiting[1] else None

    def _known(self, subtasks: tuple[SubtaskRecord, ...]) -> dict[str, Any]:
        verdict = self._verdict
        progress = verdict.progress if verdict is not None else None
        shares = [subtask.progress for subtask in subtasks]
        dense = None
        if subtasks and None not in shares:
            dense = sum(subtask.weight * (subtask.progress or 0.0) for subtask in subtasks)
        return {
            "progress": progress,
            "progress_sparse": progress,
            "progress_dense": dense,
            "reward": self._gains.since_last("", progress),
            "success_probability": verdict.success_probability if verdict is not None else None,
            "failure_probability": self._failure_probability,
            "state": (verdict.state if verdict is not None else State.UNKNOWN).name,
            "failure_mode": verdict.failure_mode.name if verdict is not None else "NONE",
            "subtask": next((subtask.name for subtask in subtasks if subtask.state is SubtaskState.ACTIVE), ""),
        }

    def _subtask(self, number: int, subtask: SubtaskRecord) -> dict[str, Any]:
        gain = self._gains.since_last(f"{number} {subtask.name}", subtask.progress)
        return {
            "subtask_index": number,
            "subtask": subtask.name,
            "weight": subtask.weight,
            "progress": subtask.progress,
            "state": subtask.state.name,
            "reward": None if gain is None else subtask.weight * gain,
        }
