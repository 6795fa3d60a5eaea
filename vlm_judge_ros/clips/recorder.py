"""Decides what goes into which clip. It touches no file, so it can be fed by a thread that must not wait."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vlm_judge_ros.clips.buffer import Buffer
from vlm_judge_ros.clips.clip_record import ClipFailure, ClipRecord
from vlm_judge_ros.clips.entry import Channel, Entry
from vlm_judge_ros.verdict.failure import FailureEvent, FailureStatus

LONGEST_EXTENSION_S = 60.0
"""A clip that further failures extend ends so long after its first one at the latest."""

_SAME_MOMENT_NS = 10**9
_MOST_EPISODE_LETTERS = 60
_MOST_NAMES = 256


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """How much a clip holds.

    Attributes:
        before_s: seconds before a failure is confirmed.
        after_s: seconds after.
        buffer_bytes: most bytes in memory of what came before, and most bytes in memory of a clip.
    """

    before_s: float = 8.0
    after_s: float = 4.0
    buffer_bytes: int = 96_000_000


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that is complete, in memory.

    Attributes:
        name: name of its folder.
        record: what is known of it before it is written.
        latched: what held when it begins; to be written at its begin.
        entries: all that came in, in that order.
    """

    name: str
    record: ClipRecord
    latched: tuple[Entry, ...]
    entries: tuple[Entry, ...]


@dataclass(slots=True)
class _Open:
    name: str
    event: FailureEvent
    task: str
    failures: list[ClipFailure]
    latched: tuple[Entry, ...]
    entries: list[Entry]
    held_bytes: int
    end_ns: int
    last_end_ns: int


class Recorder:
    """Keeps the last seconds, and makes a clip of them and of the seconds that follow when a failure is confirmed.

    A failure that is confirmed while a clip is open joins it and extends it; the next one after that begins a new clip,
    which may share its first seconds with the one before.

    Args:
        settings: how much a clip holds.
        hand_over: takes each clip that is complete; must not wait.
        task: where the task is told.
        wall_ns: the wall clock, for nothing but the names of clips.
    """

    def __init__(
        self,
        settings: ClipSettings,
        hand_over: Callable[[Clip], None],
        task: Channel,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._settings = settings
        self._hand_over = hand_over
        self._task = task
        self._wall_ns = wall_ns
        self._buffer = Buffer(settings.before_s, settings.buffer_bytes)
        self._open: _Open | None = None
        self._newest_ns = 0
        self._names: dict[tuple[str, int], str] = {}

    @property
    def open_name(self) -> str:
        """Name of the clip that is being collected; empty for none."""
        return self._open.name if self._open is not None else ""

    def add(self, channel: Channel, time_ns: int, message: Any, size_bytes: int) -> None:
        """Keep a message that arrived at `time_ns` on the node clock; it must not be changed any more."""
        if time_ns < self._newest_ns <= time_ns + _SAME_MOMENT_NS:
            # What a message leads to is published, and kept, before the message itself.
            time_ns = self._newest_ns
        elif time_ns < self._newest_ns:
            # The clock went back: what was before cannot be ordered with what comes.
            self.close()
            self._buffer.clear()
        self._newest_ns = time_ns
        entry = Entry(time_ns, channel, message, size_bytes)
        self._buffer.add(entry)
        clip = self._open
        if clip is not None:
            if time_ns > clip.end_ns or clip.held_bytes + size_bytes > self._settings.buffer_bytes:
                self.close()
            else:
                clip.entries.append(entry)
                clip.held_bytes += size_bytes

    def name_of(self, event: FailureEvent) -> str:
        """Name of the clip of a failure; empty where it has none."""
        return self._names.get((event.episode_id, event.event_id), "")

    def confirm(self, event: FailureEvent, task: str, now_ns: int) -> str:
        """Begin the clip of a confirmed failure, or let it join the one that is open. Returns its name."""
        known = self.name_of(event)
        if known or event.status is not FailureStatus.CONFIRMED:
            return known
        end_ns = now_ns + round(self._settings.after_s * 1e9)
        clip = self._open
        if clip is not None and clip.event.episode_id == event.episode_id and now_ns <= clip.end_ns:
            clip.failures.append(ClipFailure.of(event))
            clip.end_ns = max(clip.end_ns, min(end_ns, clip.last_end_ns))
        else:
            self.close()
            clip = self._open = self._begin(event, task, end_ns, now_ns)
        if len(self._names) >= _MOST_NAMES:
            del self._names[next(iter(self._names))]
        self._names[event.episode_id, event.event_id] = clip.name
        return clip.name

    def tick(self, now_ns: int) -> None:
        """Let time pass: a clip ends when its time is over, also where nothing comes in any more."""
        if self._open is not None and now_ns > self._open.end_ns:
            self.close()

    def close(self) -> None:
        """End the open clip now, with what it has."""
        clip, self._open = self._open, None
        if clip is None:
            return
        entries = tuple(clip.entries)
        provenance = clip.event.provenance
        record = ClipRecord(
            episode_id=clip.event.episode_id,
            task=clip.task,
            task_file=provenance.task_file,
            failures=tuple(clip.failures),
            begin_ns=entries[0].time_ns if entries else clip.end_ns,
            end_ns=entries[-1].time_ns if entries else clip.end_ns,
            model=provenance.model,
            model_hash=provenance.model_hash,
            method=provenance.method,
            software_version=provenance.software_version,
        )
        task = Entry(record.begin_ns, self._task, clip.task, len(clip.task))
        self._hand_over(Clip(clip.name, record, (task, *clip.latched), entries))

    def _begin(self, event: FailureEvent, task: str, end_ns: int, now_ns: int) -> _Open:
        # Half of the memory is for what comes after.
        entries: list[Entry] = []
        held_bytes = 0
        latched = {entry.channel: entry for entry in self._buffer.latched}
        dropping = False
        oldest_ns = now_ns - round(self._settings.before_s * 1e9)
        for entry in reversed(self._buffer.entries):
            too_large = held_bytes + entry.size_bytes > self._settings.buffer_bytes // 2
            dropping = dropping or entry.time_ns < oldest_ns or too_large
            if not dropping:
                entries.append(entry)
                held_bytes += entry.size_bytes
            elif entry.channel.latched and latched.get(entry.channel, entry).time_ns <= entry.time_ns:
                latched[entry.channel] = entry
        entries.reverse()
        return _Open(
            name=clip_name(self._wall_ns(), event.episode_id, event.mode.name),
            event=event,
            task=task,
            failures=[ClipFailure.of(event)],
            latched=tuple(latched.values()),
            entries=entries,
            held_bytes=held_bytes,
            end_ns=end_ns,
            last_end_ns=max(end_ns, now_ns + round(LONGEST_EXTENSION_S * 1e9)),
        )


def clip_name(time_ns: int, episode_id: str, code: str) -> str:
    """Name of the folder of a clip: time, episode and failure, of letters, digits, dashes and underscores alone."""
    seconds, rest_ns = divmod(time_ns, 10**9)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
    episode = re.sub(r"[^A-Za-z0-9-]+", "-", episode_id)[:_MOST_EPISODE_LETTERS]
    return f"{stamp}-{rest_ns // 10**6:03d}Z_{episode}_{code}"
