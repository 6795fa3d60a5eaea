"""Whether the judge node lives, and whether its verdict is worth anything."""

from __future__ import annotations

from vlm_judge_ros.safety.cause import Cause, Reason
from vlm_judge_ros.safety.heartbeat import Heartbeat
from vlm_judge_ros.safety.settings import WatchSettings

# One second of heartbeats. A network that changes their order does not hold one back for longer.
_MOST_OVERTAKEN = 20


class JudgeWatch:
    """Watches the heartbeats of one judge node on the steady clock."""

    def __init__(self, settings: WatchSettings, steady_ns: int) -> None:
        self._settings = settings
        self._start_ns = steady_ns
        self._last: Heartbeat | None = None
        self._arrival_ns = steady_ns  # of the newest heartbeat
        self._alive_ns = steady_ns  # of the newest heartbeat whose count was another one
        self._evidence_ns = steady_ns  # when the newest evidence became another one
        self._unknown_since_ns: int | None = None

    @property
    def heard(self) -> bool:
        """Whether there was a heartbeat at all."""
        return self._last is not None

    def overtaken(self, beat: Heartbeat) -> bool:
        """Whether a heartbeat is one that a newer one overtook on its way, and tells nothing any more.

        Both its count and its stamp are a little older. A judge node that was started anew counts from 1.
        """
        last = self._last
        return (
            last is not None
            and 0 < last.count - beat.count <= _MOST_OVERTAKEN
            and beat.count > 1
            and beat.stamp_ns < last.stamp_ns
            and beat.episode_id == last.episode_id
        )

    def add(self, beat: Heartbeat, steady_ns: int) -> Reason | None:
        """Take a heartbeat; returns why it stops the robot by itself, None where it does not."""
        last = self._last
        self._arrival_ns = steady_ns
        if last is not None and beat.count == last.count:
            return None  # Something repeats the last heartbeat; nothing says that the judge node lives.
        self._last, self._alive_ns = beat, steady_ns
        another_episode = last is None or beat.episode_id != last.episode_id
        if last is None or another_episode or beat.evidence_ns != last.evidence_ns:
            self._evidence_ns = steady_ns
        if not (beat.episode_id and beat.unknown):
            self._unknown_since_ns = None
        elif another_episode or self._unknown_since_ns is None:
            self._unknown_since_ns = steady_ns
        if last is not None and beat.count < last.count and last.episode_id:
            text = (
                f"The heartbeats of {self._settings.judge} went from number {last.count} back to {beat.count} while "
                f"episode {last.episode_id} ran: it was started anew and forgot what it found, or there are two of it."
            )
            return Reason(Cause.HEARTBEAT_SILENT, self._settings.judge, text)
        return None

    def standing(self, steady_ns: int) -> tuple[Reason, ...]:
        """What stops the robot at this moment."""
        silent = self._silent(steady_ns)
        if silent is not None:
            return (silent,)  # Of a verdict that nobody repeats nothing more can be said.
        checks = (self._verdict_silent(steady_ns), self._verdict_unknown(steady_ns))
        return tuple(reason for reason in checks if reason is not None)

    def _silent(self, steady_ns: int) -> Reason | None:
        judge, settings = self._settings.judge, self._settings
        silent_s = (steady_ns - self._alive_ns) / 1e9
        if self._last is None:
            grace_s = max(settings.startup_grace_s, settings.heartbeat_timeout_s)
            if not settings.require_judge_at_start or silent_s <= grace_s:
                return None
            text = f"{judge} was not heard in {silent_s:.1f} s since the start; startup_grace_s is {grace_s:g} s."
        elif silent_s <= settings.heartbeat_timeout_s:
            return None
        elif self._arrival_ns > self._alive_ns:
            text = f"The heartbeats of {judge} repeat number {self._last.count} for {silent_s:.1f} s."
        else:
            limit = f"heartbeat_timeout_s is {settings.heartbeat_timeout_s:g} s"
            text = f"{judge} has been silent for {silent_s:.1f} s; {limit}."
        return Reason(Cause.HEARTBEAT_SILENT, judge, text)

    def _verdict_silent(self, steady_ns: int) -> Reason | None:
        beat, limit_s = self._last, self._settings.verdict_timeout_s
        if beat is None or not beat.episode_id:
            return None
        # By stamps where evidence keeps coming but is old; by arrival where the clock of the judge stands or jumps.
        waited_s = (steady_ns - self._evidence_ns) / 1e9
        old_s = (beat.stamp_ns - beat.evidence_ns) / 1e9 if beat.evidence_ns else 0.0
        if max(waited_s, old_s) <= limit_s:
            return None
        if waited_s > limit_s:
            text = f"The verdict of {self._settings.judge} had no new evidence for {waited_s:.1f} s"
        else:
            text = f"The verdict of {self._settings.judge} rests on evidence that is {old_s:.1f} s old"
        return Reason(
            Cause.VERDICT_SILENT, self._settings.judge, f"{text}; verdict_timeout_s is {limit_s:g} s. {beat.reason}"
        )

    def _verdict_unknown(self, steady_ns: int) -> Reason | None:
        beat, limit_s = self._last, self._settings.unknown_timeout_s
        if beat is None or self._unknown_since_ns is None:
            return None
        unknown_s = (steady_ns - self._unknown_since_ns) / 1e9
        if unknown_s <= limit_s:
            return None
        text = f"The verdict has been UNKNOWN for {unknown_s:.1f} s; unknown_timeout_s is {limit_s:g} s. {beat.reason}"
        return Reason(Cause.VERDICT_UNKNOWN, self._settings.judge, text)
