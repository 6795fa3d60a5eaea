"""Where the episodes in one recording begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vlm_judge_ros.errors import JudgeError

_MARKER = re.compile(r"\s*(?P<word>start|stop)\b[\s:]*(?P<name>.*?)\s*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """An episode within a recording.

    Attributes:
        start_ns: when it begins.
        stop_ns: when it has ended; nothing of that time belongs to it.
        name: that somebody gave it; empty where nobody did.
        task: the instruction that belongs to it alone; empty where there is none.
    """

    start_ns: int
    stop_ns: int
    name: str = ""
    task: str = ""


def parts_by_gaps(times_ns: Iterable[int], gap_ns: int) -> list[Part]:
    """A part for each run of images without a longer gap between two of them.

    Args:
        times_ns: of all images, rising.
        gap_ns: the longest gap within an episode.
    """
    parts: list[Part] = []
    first = last = None
    for time_ns in times_ns:
        if first is None or last is None:
            first = time_ns
        elif time_ns - last > gap_ns:
            parts.append(Part(first, last + 1))
            first = time_ns
        last = time_ns
    if first is not None and last is not None:
        parts.append(Part(first, last + 1))
    return parts


def parts_by_tasks(told: Iterable[tuple[int, str]], stop_ns: int) -> list[Part]:
    """A part from each new instruction to the next one; the same one told again changes nothing.

    Args:
        told: when which instruction was told, in order of time.
        stop_ns: after the end of the recording.
    """
    changes: list[tuple[int, str]] = []
    for time_ns, text in told:
        task = text.strip()
        if task and (not changes or task != changes[-1][1]):
            changes.append((time_ns, task))
    stops = [time_ns for time_ns, _ in changes[1:]] + [stop_ns]
    return [Part(start_ns, stop, task=task) for (start_ns, task), stop in zip(changes, stops, strict=False)]


def parts_by_chunks(numbers: Iterable[tuple[int, int]], stop_ns: int) -> list[Part]:
    """A part from each action chunk whose number is lower than that of the one before, and from the first one.

    Args:
        numbers: when which chunk was announced, in order of time.
        stop_ns: after the end of the recording.
    """
    starts: list[int] = []
    before = 0
    for time_ns, number in numbers:
        if not starts or number < before:
            starts.append(time_ns)
        before = number
    return [Part(start_ns, stop) for start_ns, stop in zip(starts, [*starts[1:], stop_ns], strict=False)]


def parts_by_markers(markers: Iterable[tuple[int, str]], stop_ns: int) -> list[Part]:
    """A part from each `start`, or `start NAME`, to the `stop` or the next start after it.

    Args:
        markers: when which text was told, in order of time.
        stop_ns: after the end of the recording.

    Raises:
        JudgeError: a text is no marker.
    """
    parts: list[Part] = []
    running: tuple[int, str] | None = None
    for time_ns, text in markers:
        found = _MARKER.fullmatch(text)
        if found is None:
            raise JudgeError(f"The marker {text[:60]!r} is not understood; publish start, start NAME, or stop.")
        if running is not None:
            parts.append(Part(running[0], time_ns, running[1]))
        running = (time_ns, found["name"]) if found["word"].lower() == "start" else None
    if running is not None:
        parts.append(Part(running[0], stop_ns, running[1]))
    return parts


def without_empty(parts: Sequence[Part], image_times_ns: Iterable[int]) -> list[Part]:
    """The parts within which there is an image; parts may overlap.

    Args:
        parts: in order of their start.
        image_times_ns: of all images, rising.
    """
    seen = [False] * len(parts)
    begun = 0
    running: set[int] = set()
    for time_ns in image_times_ns:
        while begun < len(parts) and parts[begun].start_ns <= time_ns:
            running.add(begun)
            begun += 1
        for number in tuple(running):
            seen[number] = seen[number] or time_ns < parts[number].stop_ns
            running.discard(number)
    return [part for part, has_images in zip(parts, seen, strict=True) if has_images]
