"""What latched signals said last, also while no episode ran."""

from __future__ import annotations

from collections.abc import Collection

from vlm_judge_ros.episode.signal import SignalSample


class LatchedSignals:
    """The newest value of each latched signal of each task."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, float]] = {}

    def remember(self, task: str, sample: SignalSample, latched: Collection[str]) -> None:
        """Take what a message says of the latched signals of a task."""
        told = {name: value for name, value in sample.values.items() if name in latched}
        self._values.setdefault(task, {}).update(told)

    def at_start(self, task: str, stamp_ns: int) -> SignalSample | None:
        """What holds at the start of an episode of a task; None where nothing was ever said."""
        values = self._values.get(task)
        return SignalSample(stamp_ns, dict(values)) if values else None
