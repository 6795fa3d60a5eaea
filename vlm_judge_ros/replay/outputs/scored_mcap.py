"""`scored/`: the episode as a bag, with what a judge node would have published, for Foxglove and `ros2 bag play`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.outputs.bag_writer import BagWriter
from vlm_judge_ros.replay.outputs.judge_topics import (
    ANNOTATED,
    FAILURE,
    FINDINGS,
    JUDGE_TOPICS,
    PROGRESS,
    REVIEW,
    VERDICT,
    BagMessages,
)
from vlm_judge_ros.replay.outputs.recorded_copy import RecordedCopy
from vlm_judge_ros.replay.outputs.rewritten import Rewritten
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription, FromBag, RecordedEpisode
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.verdict.annotation import annotate
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import Verdict

FOLDER = "scored"
CUSTOM_DATA = "vlm_judge_ros.scored"
# As often as the node does.
_ANNOTATED_NS = 200_000_000


class Origin(Protocol):
    """Writes what was recorded, beside what was judged."""

    def see(self, event: Event) -> None:
        """Write what was recorded up to here."""

    def go_to(self, time_ns: int) -> None:
        """Write what was recorded up to a time."""

    def finish(self) -> None:
        """Write the rest."""

    def close(self) -> None:
        """Let go of what is open."""

    @property
    def left_out(self) -> dict[str, int]:
        """Messages that were not copied, by topic."""


class ScoredMcap:
    """Writes the folder while the episode is judged; each message has the time at which somebody would have heard it.

    The messages of an episode from a bag are copied, byte for byte. Only what was recorded of the very topics that are
    written here is left out, and counted in `metadata.yaml`; the bag itself still has it. An episode from elsewhere is
    written as images, joint states and task.

    Args:
        description: of the episode.
        writer: takes it all.
        messages: makes messages.
        origin: writes what was recorded.
    """

    def __init__(
        self, description: EpisodeDescription, writer: BagWriter, messages: BagMessages, origin: Origin
    ) -> None:
        self._description = description
        self._writer = writer
        self._messages = messages
        self._origin = origin
        self._channels: dict[str, int] = {}
        for topic in JUDGE_TOPICS:
            if topic != REVIEW:  # few judges have a second one
                self._channel(topic)
        self._verdict: Verdict | None = None
        self._newest: Frame | None = None
        self._drawn: tuple[Frame, Verdict] | None = None
        self._drawn_ns = 0

    @staticmethod
    def open(episode: RecordedEpisode, folder: Path) -> ScoredMcap:
        """See `OutputKind.open`."""
        writer = BagWriter(folder / FOLDER)
        try:
            messages = BagMessages()
            origin: Origin
            stretch = episode.stretch if isinstance(episode, FromBag) else None
            if stretch is not None:
                origin = RecordedCopy(stretch, writer, messages, set(JUDGE_TOPICS))
            else:
                origin = Rewritten(episode.description, writer, messages)
            return ScoredMcap(episode.description, writer, messages, origin)
        except BaseException:
            writer.abandon()
            raise

    def see(self, event: Event) -> None:
        """Copy what was recorded, and draw the newest image of the first camera from time to time."""
        self._origin.see(event)
        frame = event.content
        if not isinstance(frame, Frame) or frame.camera != self._description.cameras[0]:
            return
        self._newest = frame
        if event.time_ns - self._drawn_ns >= _ANNOTATED_NS:
            self._draw(event.time_ns)

    def look(self, findings: tuple[Finding, ...], time_ns: int) -> None:
        """Write what the layers found."""
        if findings:
            self._write(FINDINGS, time_ns, self._messages.make.findings(time_ns, self._description.key, findings))

    def progress(self, update: ProgressUpdate, time_ns: int) -> None:
        """Write an answer."""
        self._write(PROGRESS, time_ns, self._messages.make.progress(update))

    def review(self, update: ProgressUpdate, time_ns: int) -> None:
        """Write an answer of the second judge."""
        self._write(REVIEW, time_ns, self._messages.make.progress(update))

    def failure(self, event: FailureEvent, time_ns: int) -> None:
        """Write a change of a failure."""
        self._write(FAILURE, time_ns, self._messages.make.failure(event))

    def verdict(self, verdict: Verdict, time_ns: int) -> None:
        """Write a verdict."""
        self._verdict = verdict
        self._write(VERDICT, time_ns, self._messages.make.verdict(verdict))

    def finish(self, trace: EpisodeTrace) -> None:
        """Draw the final verdict, copy what is left and close."""
        self._draw(max(self._drawn_ns, self._description.ended_ns))
        self._origin.finish()
        self._origin.close()
        told = {
            "episode": self._description.key,
            "task": self._description.task,
            "origin": self._description.origin,
            "left_out": self._origin.left_out,
        }
        self._writer.close({CUSTOM_DATA: json.dumps(told, ensure_ascii=False)})

    def abandon(self) -> None:
        """Close."""
        self._origin.close()
        self._writer.abandon()

    def _draw(self, time_ns: int) -> None:
        frame, verdict = self._newest, self._verdict
        if frame is None or verdict is None or (frame, verdict) == self._drawn:
            return
        try:
            picture = annotate(frame.image.rgb(), verdict)
        except BrokenImage:
            return
        self._drawn, self._drawn_ns = (frame, verdict), time_ns
        self._write(ANNOTATED, time_ns, self._messages.image(frame.stamp_ns, frame.camera, picture))

    def _write(self, topic: str, time_ns: int, message: object) -> None:
        self._origin.go_to(time_ns)
        self._writer.write(self._channel(topic), time_ns, self._messages.serialized(message))

    def _channel(self, topic: str) -> int:
        if topic not in self._channels:
            kind = JUDGE_TOPICS[topic]
            self._channels[topic] = self._writer.add_topic(self._messages.topic(topic, kind.type, kind.quality))
        return self._channels[topic]
