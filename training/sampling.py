"""Which episodes the judge is shown in training, and which of their keyframes it is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from episodes import Episode
from numpy.typing import NDArray

from vlm_judge_ros.simulation.disturbance import Disturbance

FROZEN_GAP_S = (0.2, 2.0)
# What happened just now is told by so many seconds, in so many frames at most.
RECENT_S = 3.0
MOST_RECENT = 12
# Frames of an episode that are closer than this are told with gaps, too: cameras, and keyframes, come at many rates.
CLOSE_S = 0.35
GAPS = {0.0: 0.5, 0.3: 0.3, 0.7: 0.2}
# What is hardest to tell from success or failure is shown so many times as often; both sides still balance.
SHOWN_OFTENER = {
    Disturbance.DETOUR: 2.5,
    Disturbance.SLIP_RECOVERED: 2.0,
    Disturbance.PAUSE: 1.5,
    Disturbance.JOLT: 1.5,
    Disturbance.NOISE: 2.0,
    Disturbance.WRONG_PLACE: 2.0,
    Disturbance.STALL: 1.5,
}


def shares(episodes: Sequence[Episode]) -> NDArray[np.float64]:
    """How often each episode is to be shown, by its disturbance: probabilities, shape (episodes,)."""
    weights = np.array([SHOWN_OFTENER.get(Disturbance(episode.disturbance), 1.0) for episode in episodes])
    return np.asarray(weights / weights.sum(), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Question:
    """Frames of one episode, oldest first, and what is asked of the last one.

    Attributes:
        frames: indices into the frames of the episode.
        seconds: time of each relative to the last, never above 0.
        trusts_failure: False where the sequence was made up, so that the episode's failure label does not hold for it.
    """

    frames: NDArray[np.int64]
    seconds: NDArray[np.float32]
    trusts_failure: bool

    @property
    def is_frozen(self) -> bool:
        """Whether it shows one frame only."""
        return bool((self.frames == self.frames[0]).all())


def going_back(seconds: NDArray[np.float64], newest: int, most: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Choose frames before the newest one that follow each other closely, ascending, and with it itself.

    Args:
        seconds: times of the frames of an episode, shape (frames,).
        newest: index of the last one.
        most: how many, that one not counted.
        random: source of randomness.
    """
    is_close = newest > 0 and float(np.median(np.diff(seconds[: newest + 1]))) < CLOSE_S
    left_out = random.choice(list(GAPS), p=list(GAPS.values())) if is_close else 0.0
    back = np.cumsum(1 + (random.random(most) < left_out))
    frames = newest - np.concatenate([[0], back[back <= newest]])
    return np.asarray(frames[::-1], dtype=np.int64)


def draw(seconds: NDArray[np.float64], longest: int, random: np.random.Generator, dense: NDArray[np.int64]) -> Question:
    """Draw a question as the keyframe buffer would put it, or a made-up one that teaches what time must not do.

    Most are the past of a random moment: frames spread evenly from the start, those shortly before the newest, a few
    more, and the newest. Some are one frame repeated (nothing happens), or the episode run backwards (progress is that
    of the frame).

    Args:
        seconds: times of the frames of the episode, shape (frames,).
        longest: most frames in a question.
        random: source of randomness.
        dense: frames that follow each other closely; what happens is best seen at the end of these.
    """
    newest = int(random.integers(len(seconds)))
    if random.random() < 0.6:
        newest = int(dense[-1 - int(random.integers(max(1, len(dense) // 2)))])
    kind = random.random()
    if kind < 0.08:
        steps = int(random.integers(1, longest + 1))
        gaps = random.uniform(*FROZEN_GAP_S, size=steps - 1)
        ages = np.concatenate([np.cumsum(gaps[::-1])[::-1], [0.0]])
        return Question(np.full(steps, newest), -ages.astype(np.float32), steps == 1 and newest == 0)
    first = 0 if random.random() < 0.85 else int(random.integers(newest + 1))
    spread = np.linspace(first, newest, int(random.integers(2, 10)))
    jittered = np.clip(np.round(spread + random.uniform(-0.4, 0.4, len(spread))), first, newest)
    more = random.integers(first, newest + 1, size=int(random.integers(0, 5)))
    recents = MOST_RECENT if random.random() < 0.75 else int(random.integers(MOST_RECENT))
    recent = dense[dense <= newest][-1 - recents :] if newest in dense else going_back(seconds, newest, recents, random)
    recent = recent[(recent >= first) & (seconds[newest] - seconds[recent] <= RECENT_S)]
    frames = np.unique(np.concatenate([jittered, more, recent, [first, newest]])).astype(np.int64)
    if len(frames) > longest:
        inner = random.choice(frames[1:-1], size=longest - 2, replace=False)
        frames = np.concatenate([[first], np.sort(inner), [newest]]).astype(np.int64)
    if kind < 0.13:
        backwards = frames[::-1].copy()
        return Question(backwards, (seconds[first] - seconds[backwards]).astype(np.float32), False)
    return Question(frames, (seconds[frames] - seconds[newest]).astype(np.float32), first == 0)
