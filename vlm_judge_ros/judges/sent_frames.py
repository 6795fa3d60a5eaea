"""Which frames a judge's process holds, so that each is sent once."""

from __future__ import annotations

import itertools

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.judges.questions import Question
from vlm_judge_ros.judges.worker_process import Ask


class SentFrames:
    """Remembers what was sent. Frames are told apart by identity, because stamps repeat when a bag is played again."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._held: dict[Frame, int] = {}

    def ask(self, question: Question) -> Ask:
        """The message for a question: new frames in full, the others by number. What it does not name is forgotten."""
        evidence = question.evidence
        shown = [keyframe.frame for keyframes in evidence.keyframes.values() for keyframe in keyframes]
        before = self._held
        self._held = {
            frame: before[frame] if frame in before else next(self._numbers) for frame in dict.fromkeys(shown)
        }
        return Ask(
            number=question.number,
            new_frames={number: frame for frame, number in self._held.items() if frame not in before},
            keyframes={
                camera: tuple((self._held[keyframe.frame], keyframe.role) for keyframe in keyframes)
                for camera, keyframes in evidence.keyframes.items()
            },
            about={
                "episode_id": evidence.episode_id,
                "task": evidence.task,
                "started_ns": evidence.started_ns,
                "now_ns": evidence.now_ns,
                "chunk_id": evidence.chunk_id,
                "drawing": evidence.drawing,
            },
        )
