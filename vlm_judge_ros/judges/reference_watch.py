"""What references say of an episode, look by look: how far, whether at the end, and whether it goes as they went."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vlm_judge_ros.judges.alignment import Belief, Floats, follow
from vlm_judge_ros.judges.local_progress import local_progress, way_back

END_SHARE = 0.93
"""From this share of the way on a reference is at its end."""
_RISE, _FALL = 0.02, 0.1
_SURE = 6.0
_ENOUGH = 0.5
# Of success: below this belief the end is likely elsewhere, and none is taken for surer than the doubt.
_ELSEWHERE, _DOUBT = 0.1, 0.01


@dataclass(frozen=True, slots=True)
class Limits:
    """The band in which an episode goes as the references did; all above 0.

    Attributes:
        distances: from the references, for each part.
        rest_s: seconds without progress while the end is not reached.
        drop: share of the way that is lost again.
    """

    distances: tuple[float, ...]
    rest_s: float
    drop: float


@dataclass(frozen=True, slots=True)
class EndScale:
    """How near to the references' ends an episode has to look to be finished.

    Attributes:
        reach: distance from the nearest end at which successes usually end that were left out, for each part.
        cut: multiple of that at which finished and unfinished are equally likely, above 1.
    """

    reach: tuple[float, ...]
    cut: float

    def ratio(self, look: Watched) -> float:
        """Distance from the ends by what successes have: the geometric mean over the parts."""
        pairs = zip(look.end_distances, self.reach, strict=True)
        return math.exp(sum(math.log(max(distance / reach, 1e-3)) for distance, reach in pairs) / len(self.reach))

    def probability(self, look: Watched) -> float:
        """That the task is complete: near enough to an end, and by its course not far from one.

        The course only lowers the odds, and only where it says clearly that the end is elsewhere: the last moments of a
        reference look alike, so that of successes that were left out the filter often thinks a little less far.
        """
        course = min(1.0, (look.end_belief + _DOUBT) / (_ELSEWHERE + _DOUBT))
        odds = course * math.pow(self.cut / self.ratio(look), _SURE)
        return odds / (1.0 + odds)


@dataclass(frozen=True, slots=True, eq=False)
class Courses:
    """Reference courses in the space in which moments are compared.

    Attributes:
        points: shape (references, positions, parts, axes).
        shares: share of the way at each position, 0 to 1, never falling, shape (references, positions).
        lengths_s: seconds from start to end of each reference, shape (references,).
        noise: distance that is nothing but noise, above 0.
        motion: distance from the look before below which nothing has moved, above 0.
        usual: distance from the nearest moment that nine of ten looks at successes left out keep, above 0.
    """

    points: Floats
    shares: Floats
    lengths_s: Floats
    noise: float
    motion: float
    usual: float


@dataclass(frozen=True, slots=True)
class Watched:
    """One look.

    Attributes:
        progress: share of the way, 0 to 1, as the references' moments near the believed one tell it, less the way back
            from beside them.
        low: lower end of the middle 80 % of the belief, never above progress.
        high: upper end of it, never below.
        end_belief: probability of being at the end of a reference.
        end_distances: distance from the nearest end of a reference, for each part.
        distances: from where in the references it is, for each part; the median of the last three looks.
        rest_s: seconds since progress last changed; 0 at the end.
        drop: share of the way that was lost again.
    """

    progress: float
    low: float
    high: float
    end_belief: float
    end_distances: tuple[float, ...]
    distances: tuple[float, ...]
    rest_s: float
    drop: float

    def ratios(self, limits: Limits) -> dict[str, float]:
        """Each sign of failure by its limit: above 1 the episode does not go as the references did."""
        distances = zip(self.distances, limits.distances, strict=True)
        return {
            "distance": max(distance / limit for distance, limit in distances),
            "rest": self.rest_s / limits.rest_s,
            "drop": self.drop / limits.drop,
        }


def failure_probability(ratio: float) -> float:
    """A number that is one half at the limit of the band; it is monotone in the ratio and not calibrated further."""
    return 1.0 / (1.0 + math.exp(-_SURE * (min(ratio, 5.0) - 1.0)))


def watch(courses: Courses, points: Floats, seconds: Sequence[float]) -> list[Watched]:
    """Watch an episode from its start; what is said of a look depends on it and those before alone.

    Args:
        courses: the references.
        points: the looks in the same space, oldest first, shape (looks, parts, axes).
        seconds: when each was, rising.
    """
    # Of shape (looks, references, positions, parts).
    squares = ((points[:, None, None] - courses.points[None]) ** 2).sum(axis=4)
    gaps_s = [0.0, *np.diff(np.asarray(seconds, dtype=np.float64)).tolist()]
    moved = _moved(points, courses.motion)
    summed = squares.sum(axis=3)
    beliefs = list(follow(summed, gaps_s, moved, courses.shares, courses.lengths_s, courses.noise))
    at_end = np.sqrt(squares[:, courses.shares >= 1.0].min(axis=1))
    weights = np.stack([belief.weights for belief in beliefs])
    apart = np.sqrt((squares * weights[..., None]).sum(axis=(1, 2)))
    progress = _refined(courses, points, np.sqrt(summed.min(axis=(1, 2))), beliefs)
    return list(_told(beliefs, progress, at_end, apart, seconds, courses.shares))


def _moved(points: Floats, motion: float) -> list[bool]:
    moved: list[bool] = []
    last: Floats | None = None
    for point in points:
        moved.append(last is None or float(np.linalg.norm(point - last)) > motion)
        if moved[-1]:
            last = point
    return moved


def _refined(courses: Courses, points: Floats, nearest: Floats, beliefs: Sequence[Belief]) -> list[float]:
    """Progress at each look; one that is no news tells what the one before told."""
    moments = courses.points.reshape(courses.shares.size, -1)
    progress: list[float] = []
    for index, (belief, point) in enumerate(zip(beliefs, points, strict=True)):
        before = beliefs[max(index - 1, 0)]
        if progress and belief is before:
            progress.append(progress[-1])
            continue
        # Futures of one moment are told apart by one line, or nearly so: half of where it lies they have in common.
        around = (before.progress + belief.progress) / 2.0
        reached = local_progress(point.ravel(), moments, courses.shares.ravel(), around)
        progress.append(max(0.0, reached - way_back(float(nearest[index]), courses.usual)))
    return progress


def _told(
    beliefs: Sequence[Belief],
    progress: Sequence[float],
    at_end: Floats,
    apart: Floats,
    seconds: Sequence[float],
    shares: Floats,
) -> Iterator[Watched]:
    level, best, changed_s = -1.0, 0.0, seconds[0]
    for index, (belief, now_s) in enumerate(zip(beliefs, seconds, strict=True)):
        end_belief = belief.within(END_SHARE, shares)
        if belief.progress > level + _RISE or belief.progress < level - _FALL or end_belief > _ENOUGH:
            level, changed_s = belief.progress, now_s
        best = max(best, belief.progress)
        yield Watched(
            progress=progress[index],
            low=min(belief.low, progress[index]),
            high=max(belief.high, progress[index]),
            end_belief=end_belief,
            end_distances=tuple(at_end[index].tolist()),
            distances=tuple(np.median(apart[max(index - 2, 0) : index + 1], axis=0).tolist()),
            rest_s=now_s - changed_s,
            drop=best - belief.progress,
        )
