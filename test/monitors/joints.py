"""Made-up joint states, frames and chunks for tests of monitors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Finding
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor

START_NS = 1_700_000_000 * 1_000_000_000
EPISODE = EpisodeContext(START_NS, ("front", "wrist"))
SIZE_BYTES = 768


class GreyImage:
    """An image of a few bytes."""

    size_bytes = SIZE_BYTES
    form = "32x24 mono8"

    def rgb(self) -> NDArray[np.uint8]:
        """Return a grey image."""
        return np.full((24, 32, 3), 90, dtype=np.uint8)


def at(time_s: float) -> int:
    """Stamp of a moment, in seconds after the start."""
    return START_NS + nanoseconds(time_s)


def times(duration_s: float, rate_hz: float, jitter: float = 0.0, begins_s: float = 0.0) -> Iterator[float]:
    """Moments at a rate, each off by up to a share of the period."""
    chance = random.Random(7)
    for index in range(round(duration_s * rate_hz)):
        yield begins_s + (index + 0.5 + jitter * chance.uniform(-0.5, 0.5)) / rate_hz


def turn(
    monitor: Monitor,
    angle: Callable[[float], float],
    duration_s: float,
    rate_hz: float = 100.0,
    jitter: float = 0.0,
    noise_rad: float = 0.0,
    begins_s: float = 0.0,
) -> int:
    """Turn the elbow as told, beside a wrist that rests, and return the last stamp."""
    chance = random.Random(11)
    stamp_ns = START_NS
    for time_s in times(duration_s, rate_hz, jitter, begins_s):
        stamp_ns = at(time_s)
        noisy = angle(time_s) + chance.gauss(0.0, noise_rad), chance.gauss(0.0, noise_rad)
        monitor.add_joints(JointSample(stamp_ns, ("elbow", "wrist"), noisy))
    return stamp_ns


def frame(camera: str, time_s: float, place: int = 0) -> Frame:
    """A grey picture with a bright square at a column."""
    picture = np.full((24, 32), 60, dtype=np.uint8)
    picture[4:20, place % 24 : place % 24 + 8] = 200
    return Frame(camera, at(time_s), GreyImage(), picture)


def chunk(
    number: int,
    time_s: float,
    actions: NDArray[np.float64] | None = None,
    samples: NDArray[np.float64] | None = None,
    step_s: float = 0.1,
    horizon: int = 10,
    declares_done: bool = False,
    certainty: float = float("nan"),
) -> Chunk:
    """A chunk that begins at a moment; its horizon is that of what it carries."""
    carried = actions if actions is not None else samples[0] if samples is not None else None
    return Chunk(
        number,
        at(time_s),
        horizon if carried is None else len(carried),
        step_s,
        declares_done=declares_done,
        actions=np.empty((0, 0)) if actions is None else actions,
        samples=np.empty((0, 0, 0)) if samples is None else samples,
        certainty=certainty,
    )


def only(monitor: Monitor, now_ns: int) -> Finding:
    """The one finding of a monitor."""
    (finding,) = monitor.findings(now_ns)
    return finding
