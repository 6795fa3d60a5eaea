"""What a judge is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vlm_judge_ros.episode.drawing import Drawing
from vlm_judge_ros.episode.frame import Keyframe


@dataclass(frozen=True, slots=True)
class Evidence:
    """One question to a judge: this task, these frames, how far is it?

    Attributes:
        episode_id: name of the episode.
        task: the instruction.
        started_ns: stamp of the start of the episode.
        now_ns: stamp of the newest frame of all cameras.
        keyframes: per camera, oldest first, in the order of the parameter `cameras`; never empty for a camera that is
            listed. The last one of each camera is its newest frame.
        chunk_id: the action chunk that asks; 0 where a timer asks.
        drawing: what is drawn into the newest frames; None where they are as the cameras took them.
    """

    episode_id: str
    task: str
    started_ns: int
    now_ns: int
    keyframes: Mapping[str, tuple[Keyframe, ...]]
    chunk_id: int = 0
    drawing: Drawing | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds from the start of the episode to the newest frame."""
        return (self.now_ns - self.started_ns) * 1e-9
