"""Fits a reference judge to some successful episodes; every scale is set by leaving one of them out in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.alignment import Floats
from vlm_judge_ros.judges.reference_end import fit_end
from vlm_judge_ros.judges.reference_space import Space, fit_space
from vlm_judge_ros.judges.reference_watch import Courses, EndScale, Limits, Watched, watch

MOST_REFERENCES = 20
LOOK_S = 1.0
_POSITION_S = 0.5
_FEWEST_POSITIONS, _MOST_POSITIONS = 24, 96
_AT_THE_END = 0.15
_UNMOVED = 0.3
_NEAR = 0.1
_NOISES = np.geomspace(0.5, 12.0, 18)
# One reference is compared with itself, which is closer than another episode will be.
_ALONE = 2.0
_USUAL = 0.9
_DISTANCE_MARGIN, _REST_MARGIN, _DROP_MARGIN = 1.25, 1.5, 1.5
_LEAST_REST_S, _LEAST_DROP = 4.0, 0.3


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceEpisode:
    """One successful episode.

    Attributes:
        seconds: when each moment was, from the start, rising, shape (moments,).
        encoded: what each moment looks like, shape (moments, parts, size).
        progress: how far it really was at each moment, 0 to 1, shape (moments,); None takes the share of the time.
    """

    seconds: Floats
    encoded: NDArray[np.float32]
    progress: Floats | None = None

    @property
    def done(self) -> int:
        """Index of the moment at which the task was done: as recorded, else when it began to look as at the end."""
        if self.progress is not None:
            return int(np.argmax(self.progress >= self.progress.max() - 1e-3))
        apart = np.linalg.norm((self.encoded - self.encoded[-1]).reshape(len(self.encoded), -1), axis=1)
        before = np.flatnonzero(apart > _AT_THE_END * float(apart.max()))
        return min(int(before[-1]) + 1, len(apart) - 1) if before.size else len(apart) - 1


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What the other references said of one that was left out.

    Attributes:
        looks: what they said of each look.
        truth: how far it was at each, 0 to 1.
        done: whether it was done at each.
    """

    looks: tuple[Watched, ...]
    truth: tuple[float, ...]
    done: tuple[bool, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A fitted judge.

    Attributes:
        space: where moments are compared.
        courses: the references in it.
        end: what looks finished.
        limits: what goes as the references did.
        left_out: of each reference what the others said; of a single one, what half of its moments said of the others.
    """

    space: Space
    courses: Courses
    end: EndScale
    limits: Limits
    left_out: tuple[LeftOut, ...]


def fit(episodes: Sequence[ReferenceEpisode]) -> Fitted:
    """Fit to 1 to 20 successful episodes of one task, seen by the same cameras.

    Raises:
        JudgeError: there are too few or too many, or one of them shows nothing.
    """
    if not 1 <= len(episodes) <= MOST_REFERENCES:
        raise JudgeError(f"There are {len(episodes)} references; give 1 to {MOST_REFERENCES}.")
    for number, episode in enumerate(episodes, 1):
        if len(episode.seconds) < 4 or not np.ptp(episode.encoded, axis=0).any():
            raise JudgeError(f"Reference {number} has fewer than 4 moments or never changes; leave it out.")
    longest_s = max(float(np.ptp(episode.seconds)) for episode in episodes)
    positions = int(np.clip(round(longest_s / _POSITION_S), _FEWEST_POSITIONS, _MOST_POSITIONS))
    space, courses = _place(episodes, positions)
    trials = list(_trials(episodes, positions))
    wider = _ALONE if len(episodes) == 1 else 1.0
    noise, usual = _noise(trials) * wider, _usual(trials) * wider
    left_out = tuple(_leave_out(trial, noise, usual) for trial in trials)
    end, limits = fit_end(left_out), _limits(left_out)
    end = replace(end, reach=tuple(wider * reach for reach in end.reach))
    limits = replace(limits, distances=tuple(wider * distance for distance in limits.distances))
    return Fitted(space, replace(courses, noise=noise, usual=usual), end, limits, left_out)


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """References, and looks at an episode that is none of them."""

    courses: Courses
    points: Floats
    seconds: Floats
    truth: Floats
    done: NDArray[np.bool_]

    def squares(self) -> Floats:
        """Squared distance of each look from each moment of the references, shape (looks, references * positions)."""
        moments = self.courses.points.reshape(self.courses.shares.size, -1)
        looks = self.points.reshape(len(self.points), 1, -1)
        return np.asarray(((looks - moments[None]) ** 2).sum(axis=2))


def _shares(episode: ReferenceEpisode) -> Floats:
    """How far the episode is at each moment: as recorded, else the share of the time until it is done."""
    seconds, done = episode.seconds - episode.seconds[0], episode.done
    if episode.progress is not None:
        return np.asarray(np.maximum.accumulate(np.clip(episode.progress / episode.progress.max(), 0.0, 1.0)))
    return np.asarray(np.clip(seconds / max(float(seconds[done]), 1e-3), 0.0, 1.0))


def _even(episode: ReferenceEpisode, positions: int) -> tuple[NDArray[np.float32], Floats]:
    """What it looks like, and how far it is, at even times; after it is done it stays at the end of the way."""
    shares = _shares(episode)
    at_s = np.linspace(episode.seconds[0], episode.seconds[-1], positions)
    right = np.clip(np.searchsorted(episode.seconds, at_s), 1, len(shares) - 1)
    left = right - 1
    part = (at_s - episode.seconds[left]) / (episode.seconds[right] - episode.seconds[left])
    between = episode.encoded[left] * (1.0 - part[:, None, None]) + episode.encoded[right] * part[:, None, None]
    placed = np.interp(at_s, episode.seconds, shares)
    placed[at_s >= episode.seconds[episode.done] - 1e-6] = 1.0
    return between.astype(np.float32), placed


def _place(episodes: Sequence[ReferenceEpisode], positions: int) -> tuple[Space, Courses]:
    courses, shares = zip(*(_even(episode, positions) for episode in episodes), strict=True)
    space = fit_space(courses)
    points = np.stack([space.project(course) for course in courses])
    steps = np.linalg.norm(np.diff(points, axis=1).reshape(len(points), positions - 1, -1), axis=2)
    lengths_s = np.array([np.ptp(episode.seconds) for episode in episodes])
    motion = _UNMOVED * max(float(np.median(steps)), 1e-6)
    lengths_s = np.maximum(lengths_s, 1e-3)
    # Both scales come from leaving references out.
    return space, Courses(points, np.stack(shares), lengths_s, noise=1.0, motion=motion, usual=1.0)


def _trials(episodes: Sequence[ReferenceEpisode], positions: int) -> Iterator[_Trial]:
    if len(episodes) == 1:
        alone = episodes[0]
        recorded = alone.progress if alone.progress is not None else None
        even = slice(None, None, 2)
        half = ReferenceEpisode(alone.seconds[even], alone.encoded[even], None if recorded is None else recorded[even])
        space, courses = _place([half], positions)
        yield _trial(space, courses, alone, np.arange(1, len(alone.seconds), 2))
        return
    for left_out, episode in enumerate(episodes):
        others = [other for index, other in enumerate(episodes) if index != left_out]
        space, courses = _place(others, positions)
        yield _trial(space, courses, episode, _spaced(episode.seconds))


def _trial(space: Space, courses: Courses, episode: ReferenceEpisode, at: NDArray[np.int64]) -> _Trial:
    points = space.project(episode.encoded[at])
    return _Trial(courses, points, episode.seconds[at], _shares(episode)[at], at >= episode.done)


def _spaced(seconds: Floats) -> NDArray[np.int64]:
    """Moments about as far apart as a judge's looks are."""
    kept, last_s = [], -np.inf
    for index, now_s in enumerate(seconds):
        if now_s - last_s >= LOOK_S - 1e-6 or index == len(seconds) - 1:
            kept.append(index)
            last_s = now_s
    return np.array(kept)


def _noise(trials: Sequence[_Trial]) -> float:
    """The scale with which single looks at an episode left out say best how far it is."""
    said = np.zeros(len(_NOISES))
    for trial in trials:
        shares = trial.courses.shares.ravel()
        squares = trial.squares()
        squares -= squares.min(axis=1, keepdims=True)
        near = np.abs(shares[None, :] - trial.truth[:, None]) <= _NEAR
        for index, noise in enumerate(_NOISES):
            weights = np.exp(-squares / (2.0 * noise**2)) + 1e-4
            said[index] += float(np.log((weights * near).sum(axis=1) / weights.sum(axis=1) + 1e-3).mean())
    return float(_NOISES[int(np.argmax(said))])


def _usual(trials: Sequence[_Trial]) -> float:
    """How far from the nearest moment of the others looks at an episode left out usually are."""
    nearest = np.sqrt(np.concatenate([trial.squares().min(axis=1) for trial in trials]))
    return max(float(np.quantile(nearest, _USUAL)), 1e-6)


def _leave_out(trial: _Trial, noise: float, usual: float) -> LeftOut:
    looks = watch(replace(trial.courses, noise=noise, usual=usual), trial.points, trial.seconds.tolist())
    return LeftOut(tuple(looks), tuple(trial.truth.tolist()), tuple(trial.done.tolist()))


def _limits(left_out: Sequence[LeftOut]) -> Limits:
    """The greatest of what successes did that were left out, and a margin on top."""
    looks = [look for one in left_out for look in one.looks]
    farthest = np.max([look.distances for look in looks], axis=0)
    return Limits(
        distances=tuple((_DISTANCE_MARGIN * np.maximum(farthest, 1e-6)).tolist()),
        rest_s=max(_LEAST_REST_S, _REST_MARGIN * max(look.rest_s for look in looks)),
        drop=max(_LEAST_DROP, _DROP_MARGIN * max(look.drop for look in looks)),
    )
