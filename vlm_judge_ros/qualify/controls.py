"""Episodes as controls show them: a judge that looks has to answer otherwise than one that guesses.

Chunks and frames keep their stamps, so that a judge is asked about the same moments. Joint states and signals are left
out where pictures are moved: they would tell of the true course what the pictures deny.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.qualify.control_pictures import MOST_BYTES, KeptPictures
from vlm_judge_ros.qualify.qualified_episode import Control
from vlm_judge_ros.replay.events import BrokenFrame, Event
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription, RecordedEpisode
from vlm_judge_ros.replay.trace import Curve
from vlm_judge_ros.tasks.task import Task

HOW_SHOWN = {
    Control.STATIC: "one moment, drawn by the key of the episode, is shown from its start to its end",
    Control.REVERSED: "the pictures are shown from the end to the start",
    Control.SHUFFLED: "the pictures are shown in an order drawn by the key of the episode",
    Control.WRONG_TASK: "the pictures are shown as they were, under the instruction of another task",
}
"""What each control shows, as the beginning of a sentence."""

LEFT_OUT = {
    Control.STATIC: "without joint states and signals",
    Control.REVERSED: "without joint states and signals",
    Control.SHUFFLED: "without joint states and signals",
    Control.WRONG_TASK: "without the signals of the task",
}
"""What a control does not hand on."""


def how_shown(control: Control) -> str:
    """One sentence for people."""
    moved = control is not Control.WRONG_TASK
    pictures = "; pictures at 5 per second at most, fewer of a long episode, all cameras together" if moved else ""
    text = HOW_SHOWN[control]
    return f"{text[0].upper()}{text[1:]}, {LEFT_OUT[control]}{pictures}."


@dataclass(frozen=True, slots=True)
class _Shown:
    """When which camera showed something."""

    time_ns: int
    stamp_ns: int
    camera: str


class MovedPictures:
    """Reads an episode once, to show it in other orders.

    Args:
        episode: what was recorded.
        most_bytes: more of pictures is never held.

    Raises:
        JudgeError: the recording is damaged.
    """

    def __init__(self, episode: RecordedEpisode, most_bytes: int = MOST_BYTES) -> None:
        self._description = episode.description
        self._pictures = KeptPictures(self._description.started_ns, most_bytes)
        self._timeline: list[_Shown | Event] = []
        cameras = {camera: camera for camera in self._description.cameras}
        for event in episode.events(None):
            content = event.content
            if isinstance(content, Frame):
                self._pictures.add(content)
                # One text for each camera and not for each frame.
                camera = cameras.setdefault(content.camera, content.camera)
                self._timeline.append(_Shown(event.time_ns, content.stamp_ns, camera))
            elif isinstance(content, (Chunk, BrokenFrame)):
                self._timeline.append(event)
        self._pictures.finish()

    def shown(self, control: Control) -> RecordedEpisode:
        """The episode under a control that moves pictures."""
        count = len(self._pictures)
        order = np.arange(count)
        if control is Control.STATIC:
            order = np.full(count, drawn(self._description.key, control).integers(max(count, 1)))
        elif control is Control.REVERSED:
            order = order[::-1]
        elif control is Control.SHUFFLED:
            order = drawn(self._description.key, control).permutation(count)
        return _Moved(nameless(self._description), self._pictures, self._timeline, order.tolist())


@dataclass(frozen=True, slots=True)
class _Moved:
    """An episode whose pictures are shown in another order; see `RecordedEpisode`."""

    description: EpisodeDescription
    pictures: KeptPictures
    timeline: Sequence[_Shown | Event]
    order: Sequence[int]

    def events(self, declared: Task | None = None) -> Iterator[Event]:
        """What is shown instead; see `RecordedEpisode.events`."""
        for one in self.timeline:
            if isinstance(one, Event):
                yield one
                continue
            if not self.order:
                continue
            picture = self.pictures.picture(one.camera, self.order[self.pictures.place(one.stamp_ns)])
            if picture is not None:
                yield Event(one.time_ns, Frame(one.camera, one.stamp_ns, picture.image, picture.thumbnail))


@dataclass(frozen=True, slots=True)
class WrongTask:
    """An episode under the instruction of another task; see `RecordedEpisode`."""

    episode: RecordedEpisode
    task: str

    @property
    def description(self) -> EpisodeDescription:
        """See `RecordedEpisode.description`."""
        return replace(nameless(self.episode.description), task=self.task)

    def events(self, declared: Task | None = None) -> Iterator[Event]:
        """What was recorded, without signals; see `RecordedEpisode.events`."""
        for event in self.episode.events(None):
            if isinstance(event.content, (Frame, BrokenFrame, JointSample, Chunk)):
                yield event


def nameless(description: EpisodeDescription) -> EpisodeDescription:
    """A description without what is true of the episode alone, and not of what a control shows."""
    return replace(description, truth=None, true_progress=Curve(), place=None)


def drawn(key: str, control: Control) -> np.random.Generator:
    """A source of chance that is the same for the same episode and control."""
    digest = hashlib.sha256(f"{control.value} {key}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
