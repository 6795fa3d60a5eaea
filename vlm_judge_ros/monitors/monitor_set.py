"""All declared monitors of one episode: hands each input to those that want it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, TypeAlias

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor, MonitorSpec, ProgressSample

_Wanting: TypeAlias = tuple[Monitor, Callable[[Any], None]]
"""A monitor, and the method that takes what it wants."""


class MonitorSet:
    """The monitors of one episode.

    Args:
        specs: what the task declares.
        episode: what they know of the episode.
    """

    def __init__(self, specs: Iterable[MonitorSpec], episode: EpisodeContext) -> None:
        self._made = tuple((spec, spec.make(episode)) for spec in specs)
        self._monitors = tuple(monitor for _, monitor in self._made)
        self._of_signal: dict[str, tuple[_Wanting, ...]] = {}
        for spec, monitor in self._made:
            for signal in spec.signals:
                self._of_signal[signal] = (*self._of_signal.get(signal, ()), (monitor, monitor.add_signals))
        self._of_joints = self._wanting("add_joints")
        self._of_frames = self._wanting("add_frame")
        self._of_chunks = self._wanting("add_chunk")
        self._of_progress = self._wanting("add_progress")
        self._of_completion = self._wanting("add_completion")

    def add_signals(self, sample: SignalSample) -> bool:
        """Take the signals of one message; True where an alarm was raised or ended."""
        wanting = dict.fromkeys(chain.from_iterable(self._of_signal.get(signal, ()) for signal in sample.values))
        return _hand_on(sample, wanting)

    def add_joints(self, sample: JointSample) -> bool:
        """Take joint states; True where an alarm was raised or ended."""
        return _hand_on(sample, self._of_joints)

    def add_frame(self, frame: Frame) -> bool:
        """Take a frame; True where an alarm was raised or ended."""
        return _hand_on(frame, self._of_frames)

    def add_chunk(self, chunk: Chunk) -> bool:
        """Take an announced chunk; True where an alarm was raised or ended."""
        return _hand_on(chunk, self._of_chunks)

    def add_progress(self, sample: ProgressSample) -> None:
        """Take what the judge says of progress."""
        _hand_on(sample, self._of_progress)

    def add_completion(self, complete: bool) -> None:
        """Take whether the gate found the task complete when it last weighed everything."""
        _hand_on(complete, self._of_completion)

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """What all of them find now."""
        return tuple(chain.from_iterable(monitor.findings(now_ns) for monitor in self._monitors))

    def copies(self, wanted: Callable[[MonitorSpec], bool] = lambda _: True) -> tuple[tuple[MonitorSpec, Monitor], ...]:
        """Copies of monitors as they stand now, with what was declared of them; what comes next changes only these."""
        return tuple((spec, copy.deepcopy(monitor)) for spec, monitor in self._made if wanted(spec))

    def _wanting(self, method: str) -> tuple[_Wanting, ...]:
        """Those that override a method, and the method; the others are spared the call."""
        inherited = getattr(Monitor, method)
        overriding = (monitor for monitor in self._monitors if getattr(type(monitor), method) is not inherited)
        return tuple((monitor, getattr(monitor, method)) for monitor in overriding)


def _hand_on(what: object, wanting: Iterable[_Wanting]) -> bool:
    """Hand an input to those that want it; True where that raised or ended an alarm."""
    changed = False
    for monitor, add in wanting:
        before = monitor.alarm
        add(what)
        changed |= monitor.alarm is not before
    return changed
