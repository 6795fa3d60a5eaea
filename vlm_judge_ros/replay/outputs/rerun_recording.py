"""`episode.rrd`: images, what was said of them and what followed, for the Rerun viewer. Needs the extra `rerun`."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import cv2
import rerun
import rerun.blueprint as views

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.outputs.output import Silent
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription, RecordedEpisode
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import State, Verdict

FILE = "episode.rrd"
TIMELINE = "episode"
"""Seconds from the start of the episode."""

_MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png"}
_JPEG_QUALITY = 90
_LEVELS = {State.FAILED: "ERROR", State.STALLED: "WARN", State.REGRESSING: "WARN", State.UNKNOWN: "WARN"}
# Rerun writes in a thread of its own and says nothing when it cannot; only waiting for it in vain tells.
_PATIENCE_S = 30.0
_MOST_WAITING = 1024


class RerunRecording(Silent):
    """Writes the file while the episode is judged.

    Args:
        description: of the episode.
        folder: the unfinished folder of the episode.
        patience_s: how long the disk may take for what has been logged, on the wall clock.

    Raises:
        JudgeError: it cannot be written.
    """

    def __init__(self, description: EpisodeDescription, folder: Path, patience_s: float = _PATIENCE_S) -> None:
        self._description = description
        self._path = folder / FILE
        self._waiting = 0
        self._patience_s = patience_s
        self._recording = rerun.RecordingStream("vlm_judge_ros", recording_id=description.key)
        try:
            self._recording.save(self._path)
        except (OSError, RuntimeError) as error:
            raise JudgeError(f"{self._path} cannot be written ({error}); make room, or write elsewhere.") from error
        self._recording.send_blueprint(_blueprint(description))
        self._recording.log("task", rerun.TextDocument(description.task), static=True)
        for time_s, value in zip(description.true_progress.times_s, description.true_progress.values, strict=True):
            self._scalar("progress/true", time_s, value)

    @staticmethod
    def open(episode: RecordedEpisode, folder: Path) -> RerunRecording:
        """See `OutputKind.open`."""
        return RerunRecording(episode.description, folder)

    def see(self, event: Event) -> None:
        """Write an image; one that is broken is left out."""
        if isinstance(event.content, Frame):
            with contextlib.suppress(BrokenImage):
                self._log(f"cameras/{event.content.camera}", self._seconds(event.time_ns), _picture(event.content))

    def progress(self, update: ProgressUpdate, time_ns: int) -> None:
        """Write an answer: numbers that the judge does not tell are left out."""
        time_s, opinion = self._seconds(time_ns), update.opinion
        self._scalar("progress/judge", time_s, opinion.progress)
        self._scalar("probability/success", time_s, opinion.success_probability)
        self._scalar("probability/failure", time_s, opinion.failure_probability)
        if opinion.reason:
            self._text("log/judge", time_s, opinion.reason, "INFO")

    def review(self, update: ProgressUpdate, time_ns: int) -> None:
        """Write an answer of the second judge."""
        self._scalar("progress/review", self._seconds(time_ns), update.opinion.progress)
        if update.opinion.reason:
            self._text("log/review", self._seconds(time_ns), update.opinion.reason, "INFO")

    def failure(self, event: FailureEvent, time_ns: int) -> None:
        """Write a change of a failure."""
        text = f"{event.mode.name} {event.status.name}: {event.text}"
        self._text("log/failure", self._seconds(time_ns), text, "ERROR" if event.is_open else "INFO")

    def verdict(self, verdict: Verdict, time_ns: int) -> None:
        """Write a verdict."""
        time_s = self._seconds(time_ns)
        if verdict.progress is not None:
            self._scalar("progress/verdict", time_s, verdict.progress)
        name = verdict.state.name
        self._text("log/verdict", time_s, f"{name}: {verdict.reason}", _LEVELS.get(verdict.state, "INFO"))

    def finish(self, trace: EpisodeTrace) -> None:
        """Write the rest and close."""
        self._write()
        self._recording.disconnect()

    def abandon(self) -> None:
        """Close. A recording that cannot be written is let go of: closing it would wait for ever."""
        with contextlib.suppress(JudgeError):
            self._write()
            self._recording.disconnect()

    def _seconds(self, time_ns: int) -> float:
        return (time_ns - self._description.started_ns) * 1e-9

    def _scalar(self, path: str, time_s: float, value: float) -> None:
        if math.isfinite(value):
            self._log(path, time_s, rerun.Scalars([value]))

    def _text(self, path: str, time_s: float, text: str, level: str) -> None:
        self._log(path, time_s, rerun.TextLog(text, level=level))

    def _log(self, path: str, time_s: float, what: rerun.AsComponents) -> None:
        self._recording.set_time(TIMELINE, duration=time_s)
        self._recording.log(path, what)
        self._waiting += 1
        if self._waiting >= _MOST_WAITING:
            self._write()

    def _write(self) -> None:
        self._waiting = 0
        try:
            self._recording.flush(timeout_sec=self._patience_s)
        except RuntimeError as error:
            self._patience_s = 0.1
            raise JudgeError(
                f"{self._path} cannot be written, or the disk is too slow; make room, or write elsewhere."
            ) from error


def _picture(frame: Frame) -> rerun.EncodedImage:
    if frame.damage is not None:
        raise frame.damage
    image = frame.image
    if isinstance(image, CompressedImage) and image.kind in _MEDIA_TYPES:
        return rerun.EncodedImage(contents=image.file(), media_type=_MEDIA_TYPES[image.kind])
    picture = cv2.cvtColor(image.rgb(), cv2.COLOR_RGB2BGR)
    encoded, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert encoded
    return rerun.EncodedImage(contents=jpeg.tobytes(), media_type="image/jpeg")


def _blueprint(description: EpisodeDescription) -> views.Blueprint:
    cameras = [views.Spatial2DView(origin=f"cameras/{camera}", name=camera) for camera in description.cameras]
    return views.Blueprint(
        views.Horizontal(
            views.Vertical(*cameras),
            views.Vertical(
                views.TimeSeriesView(origin="progress", name="progress"),
                views.TimeSeriesView(origin="probability", name="probability"),
                views.TextLogView(origin="log", name="verdicts and failures"),
            ),
        ),
        views.TimePanel(timeline=TIMELINE),
        collapse_panels=True,
    )
