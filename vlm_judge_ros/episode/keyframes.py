"""The frames of one camera that are kept as evidence: few, and spread over the whole episode."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.episode.transitions import TransitionFinder, TransitionStore
from vlm_judge_ros.errors import JudgeError


@dataclass(frozen=True, slots=True)
class BufferLimits:
    """Bounds of one camera's buffer.

    Attributes:
        spread_frames: most frames kept for their place in time, >= 2.
        transition_frames: most frames kept because the motion changed there, >= 0.
        size_bytes: most bytes of image data, a third of it for transitions. The first and the newest frame are kept
            even where they alone exceed it.
        spacing_s: seconds between kept frames at the start of an episode; doubles as often as the bounds ask for.
        recent_frames: frames kept because they come shortly before the newest, >= 0. `size_bytes` does not count them.
        recent_spacing_s: seconds between these.

    Raises:
        JudgeError: a number is out of range.
    """

    spread_frames: int = 32
    transition_frames: int = 12
    size_bytes: int = 64 * 1024 * 1024
    spacing_s: float = 0.1
    recent_frames: int = 0
    recent_spacing_s: float = 0.25

    def __post_init__(self) -> None:
        if self.spread_frames < 2:
            raise JudgeError(f"spread_frames is {self.spread_frames}; the buffer needs at least 2.")
        if self.transition_frames < 0:
            raise JudgeError(f"transition_frames is {self.transition_frames}; give 0 for none.")
        if self.size_bytes < 1:
            raise JudgeError(f"size_bytes is {self.size_bytes}; give at least the size of some frames.")
        if not 1e-3 <= self.spacing_s <= 3600.0:
            raise JudgeError(f"spacing_s is {self.spacing_s}; give seconds from 0.001 to 3600.")
        if self.recent_frames < 0:
            raise JudgeError(f"recent_frames is {self.recent_frames}; give 0 for none.")
        if not 1e-3 <= self.recent_spacing_s <= 3600.0:
            raise JudgeError(f"recent_spacing_s is {self.recent_spacing_s}; give seconds from 0.001 to 3600.")


class KeyframeBuffer:
    """Keeps the first frame, the newest, one per interval of time, those where the motion changed, and recent ones.

    Time since the start of the episode is cut into intervals of one spacing; the first frame of each interval is kept.
    When a bound is reached the spacing doubles, and of each pair of intervals the first frame stays. What is kept thus
    depends on the stamps and the bounds alone, and cameras of one episode, which share their intervals, keep frames of
    matching stamps. Every step is O(1), amortised.
    """

    def __init__(self, started_ns: int, limits: BufferLimits | None = None) -> None:
        """Start with no frames.

        Args:
            started_ns: stamp of the start of the episode, the same for every camera.
            limits: the bounds.
        """
        self._started_ns = started_ns
        self._limits = limits or BufferLimits()
        self._spacing_ns = nanoseconds(self._limits.spacing_s)
        self._first: Frame | None = None
        self._newest: Frame | None = None
        self._spread: list[Frame] = []
        self._spread_bytes = 0
        self._recent: deque[Frame] = deque(maxlen=self._limits.recent_frames)
        self._finder = TransitionFinder()
        self._transitions = TransitionStore(self._limits.transition_frames, self._limits.size_bytes // 3)

    @property
    def first(self) -> Frame | None:
        """The first frame of the episode; None before it came."""
        return self._first

    @property
    def newest(self) -> Frame | None:
        """The newest frame; None before the first came."""
        return self._newest

    @property
    def spacing_s(self) -> float:
        """Seconds between the frames that are kept for their place in time."""
        return self._spacing_ns * 1e-9

    @property
    def size_bytes(self) -> int:
        """Bytes of image data held, each frame counted once."""
        return sum(frame.image.size_bytes for frame in self._frames())

    def __len__(self) -> int:
        """Return the number of frames held."""
        return sum(1 for _ in self._frames())

    def kept(self) -> tuple[Frame, ...]:
        """Return all frames held, oldest first."""
        return tuple(sorted(self._frames(), key=lambda frame: frame.stamp_ns))

    def add(self, frame: Frame) -> None:
        """Take the next frame; its stamp is newer than those before."""
        if self._first is None:
            self._first = frame
        elif self._interval(frame) != self._interval(self._spread[-1] if self._spread else self._first):
            self._spread.append(frame)
            self._spread_bytes += frame.image.size_bytes
        if self._limits.recent_frames and (
            not self._recent or self._recent_interval(frame) != self._recent_interval(self._recent[-1])
        ):
            self._recent.append(frame)
        self._newest = frame
        if self._limits.transition_frames:
            for transition in self._finder.add(frame):
                self._transitions.add(transition)
        self._keep_bounds()

    def nearest(self, stamp_ns: int) -> Frame | None:
        """The frame held that lies nearest to a stamp, of two the older; None before the first frame."""
        return min(self._frames(), key=lambda frame: (abs(frame.stamp_ns - stamp_ns), frame.stamp_ns), default=None)

    def select(self, spread_count: int, transition_count: int) -> tuple[Keyframe, ...]:
        """Choose frames that show the whole episode.

        Args:
            spread_count: frames spread evenly from the first to the newest, both included; at least 2.
            transition_count: most frames at which the motion changed, beside those; the strongest changes first.
                The recent frames come besides.

        Returns:
            Oldest first, no frame twice, the last one the newest. Empty before the first frame.
        """
        if self._first is None or self._newest is None:
            return ()
        return self.select_at(even_stamps(self._first.stamp_ns, self._newest.stamp_ns, spread_count), transition_count)

    def select_at(self, stamps_ns: tuple[int, ...], transition_count: int) -> tuple[Keyframe, ...]:
        """Choose the first frame, the newest, and in between those nearest to the given stamps; see `select`."""
        first, newest = self._first, self._newest
        if first is None or newest is None:
            return ()
        if first.stamp_ns == newest.stamp_ns:
            return (Keyframe(newest, FrameRole.NEWEST),)
        chosen = {first.stamp_ns: Keyframe(first, FrameRole.FIRST), newest.stamp_ns: Keyframe(newest, FrameRole.NEWEST)}
        kept = self.kept()
        for stamp_ns in stamps_ns:
            nearest = min(kept, key=lambda frame: (abs(frame.stamp_ns - stamp_ns), frame.stamp_ns))
            chosen.setdefault(nearest.stamp_ns, Keyframe(nearest, FrameRole.SPREAD))
        for frame in self._recent:
            chosen.setdefault(frame.stamp_ns, Keyframe(frame, FrameRole.RECENT))
        added = 0
        for transition in self._transitions.strongest():
            if added >= transition_count:
                break
            if transition.frame.stamp_ns not in chosen:
                chosen[transition.frame.stamp_ns] = Keyframe(transition.frame, FrameRole.TRANSITION)
                added += 1
        return tuple(chosen[stamp_ns] for stamp_ns in sorted(chosen))

    def _frames(self) -> Iterator[Frame]:
        seen: set[int] = set()
        held = [
            self._first,
            *self._spread,
            *self._transitions.frames(),
            self._finder.pending,
            *self._recent,
            self._newest,
        ]
        for frame in held:
            if frame is not None and frame.stamp_ns not in seen:
                seen.add(frame.stamp_ns)
                yield frame

    def _interval(self, frame: Frame) -> int:
        return (frame.stamp_ns - self._started_ns) // self._spacing_ns

    def _recent_interval(self, frame: Frame) -> int:
        return (frame.stamp_ns - self._started_ns) // nanoseconds(self._limits.recent_spacing_s)

    def _keep_bounds(self) -> None:
        while self._spread and (len(self._spread) >= self._limits.spread_frames or self._over_bytes()):
            self._thin()
        if self._over_bytes():
            self._finder.forget_pending()

    def _over_bytes(self) -> bool:
        # A frame that is held for two reasons counts twice here, which keeps the sum O(1) and errs on the small side.
        ends = (self._first, self._newest, self._finder.pending)
        end_bytes = sum(frame.image.size_bytes for frame in ends if frame is not None)
        return end_bytes + self._spread_bytes > self._limits.size_bytes - self._limits.size_bytes // 3

    def _thin(self) -> None:
        assert self._first is not None
        self._spacing_ns *= 2
        kept: list[Frame] = []
        before = self._first
        for frame in self._spread:
            if self._interval(frame) != self._interval(before):
                kept.append(frame)
                before = frame
        self._spread = kept
        self._spread_bytes = sum(frame.image.size_bytes for frame in kept)


def even_stamps(first_ns: int, newest_ns: int, count: int) -> tuple[int, ...]:
    """Return the stamps that lie evenly between two others, without these: count - 2 of them."""
    return tuple(first_ns + (newest_ns - first_ns) * index // (count - 1) for index in range(1, count - 1))


def select_views(
    buffers: Mapping[str, KeyframeBuffer], spread_count: int, transition_count: int
) -> dict[str, tuple[Keyframe, ...]]:
    """Choose frames of several cameras so that they show the same moments.

    The first camera that has frames sets the moments: its own even choice. The others take their frames nearest to
    those. Because all cameras keep the first frame of the same intervals, synchronous cameras give frames of equal
    stamps.

    Returns:
        The choice per camera; a camera without frames is left out.
    """
    with_frames = {name: buffer for name, buffer in buffers.items() if buffer.newest is not None}
    views: dict[str, tuple[Keyframe, ...]] = {}
    moments: tuple[int, ...] | None = None
    for name, buffer in with_frames.items():
        if moments is None:
            views[name] = buffer.select(spread_count, transition_count)
            moments = tuple(key.frame.stamp_ns for key in views[name] if key.role is FrameRole.SPREAD)
        else:
            views[name] = buffer.select_at(moments, transition_count)
    return views
