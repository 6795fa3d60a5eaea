"""Whether the named sources deliver."""

from __future__ import annotations

from vlm_judge_ros.safety.cause import Cause, Reason
from vlm_judge_ros.safety.settings import WatchSettings


class Sources:
    """Watches the arrival of messages on named topics, on the steady clock."""

    def __init__(self, settings: WatchSettings, steady_ns: int) -> None:
        self._timeouts_s = dict(settings.source_timeouts_s)
        self._grace_s = settings.startup_grace_s
        self._start_ns = steady_ns
        self._heard_ns: dict[str, int] = {}

    def add(self, topic: str, steady_ns: int) -> None:
        """A message has arrived."""
        self._heard_ns[topic] = steady_ns

    def standing(self, steady_ns: int) -> tuple[Reason, ...]:
        """The sources that are silent, in the order in which they were named."""
        reasons = []
        for topic, timeout_s in self._timeouts_s.items():
            heard_ns = self._heard_ns.get(topic)
            limit_s = timeout_s if heard_ns is not None else max(self._grace_s, timeout_s)
            silent_s = (steady_ns - (self._start_ns if heard_ns is None else heard_ns)) / 1e9
            if silent_s <= limit_s:
                continue
            if heard_ns is None:
                text = f"Source {topic} was not heard in {silent_s:.1f} s since the start; its limit is {limit_s:g} s."
            else:
                text = f"Source {topic} has been silent for {silent_s:.1f} s; its timeout is {limit_s:g} s."
            reasons.append(Reason(Cause.SOURCE_SILENT, topic, text))
        return tuple(reasons)
