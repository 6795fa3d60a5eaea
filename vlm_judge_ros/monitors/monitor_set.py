"""All declared monitors of one episode: hands each input to those that want it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor, MonitorSpec, ProgressSample


class MonitorSet:
    """The monitors of one episode.

    Args:
        specs: what the task declares.
        episode: what they know of the episode.
    """

    def __init__(self, specs: Iterable[MonitorSpec], episode: EpisodeContext) -> None:
        made = [(spec, spec.make(episode)) for spec in specs]
        self._monitors = tuple(monitor for _, monitor in made)
        self._of_signal: dict[str, tuple[Monitor, ...]] = {}
        for spec, monitor in made:
            for signal in spec.signals:
                self._of_signal[signal] = (*self._of_signal.get(signal, ()), monitor)
        self._of_joints = self._wanting("add_joints")
        self._of_frames = self._wanting("add_frame")
        self._of_chunks = self._wanting("add_chunk")
        self._of_progress = self._wanting("add_progress")
        self._of_completion = self._wanting("add_completion")

    def add_signals(self, sample: SignalSample) -> bool:
        """Take the signals of one message; True where an alarm was raised or ended."""
        wanting = dict.fromkeys(chain.from_iterable(self._of_signal.get(signal, ()) for signal in sample.values))
        changed = False
        for monitor in wanting:
            before = monitor.alarm
            monitor.add_signals(sample)
            changed |= monitor.alarm is not before
        return changed

    def add_joints(self, sample: JointSample) -> bool:
        """Take joint states; True where an alarm was raised or ended."""
        changed = False
        for monitor in self._of_joints:
            before = monitor.alarm
            monitor.add_joints(sample)
            changed |= monitor.alarm is not before
        return changed

    def add_frame(self, frame: Frame) -> bool:
        """Take a frame; True where an alarm was raised or ended."""
        changed = False
        for monitor in self._of_frames:
            before = monitor.alarm
            monitor.add_frame(frame)
            changed |= monitor.alarm is not before
        return changed

    def add_chunk(self, chunk: Chunk) -> bool:
        """Take an announced chunk; True where an alarm was raised or ended."""
        changed = False
        for monitor in self._of_chunks:
            before = monitor.alarm
            monitor.add_chunk(chunk)
            changed |= monitor.alarm is not before
        return changed

    def add_progress(self, sample: ProgressSample) -> None:
        """Take what the judge says of progress."""
        for monitor in self._of_progress:
            monitor.add_progress(sample)

    def add_completion(self, complete: bool) -> None:
        """Take whether the gate found the task complete when it last weighed everything."""
        for monitor in self._of_completion:
            monitor.add_completion(complete)

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """What all of them find now."""
        return tuple(chain.from_iterable(monitor.findings(now_ns) for monitor in self._monitors))

    def _wanting(self, method: str) -> tuple[Monitor, ...]:
        """Those that override a method; the others are spared the call."""
        inherited = getattr(Monitor, method)
        return tuple(monitor for monitor in self._monitors if getattr(type(monitor), method) is not inherited)
