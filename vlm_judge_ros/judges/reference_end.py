"""What looks finished: the ends of successes that were left out against all their earlier moments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from vlm_judge_ros.judges.reference_watch import END_SHARE, EndScale, Watched

_LEAST_CUT, _USUAL_CUT = 1.05, 1.5


class Trial(Protocol):
    """Looks at an episode that is none of the references."""

    @property
    def looks(self) -> Sequence[Watched]:
        """What the references said."""

    @property
    def truth(self) -> Sequence[float]:
        """How far it was."""

    @property
    def done(self) -> Sequence[bool]:
        """Whether it was done."""


def fit_end(trials: Iterable[Trial]) -> EndScale:
    """Find how far from the others' ends those that were left out ended, and a cut between that and earlier moments.

    Medians of both, not extremes: with five references one that ended elsewhere would else set the scale of its task.
    """
    reached, earlier = [], []
    for trial in trials:
        finished = [look.end_distances for look, done in zip(trial.looks, trial.done, strict=True) if done]
        reached.append(np.median(finished or [trial.looks[-1].end_distances], axis=0))
        told = zip(trial.looks, trial.truth, trial.done, strict=True)
        earlier += [look for look, share, done in told if not done and share < END_SHARE]
    scale = EndScale(tuple(np.maximum(np.median(reached, axis=0), 1e-6).tolist()), 1.0)
    if not earlier:
        return EndScale(scale.reach, _USUAL_CUT)
    # Half way, in the logarithm, from where they end, which is 1, to where they usually are before that.
    usual = float(np.median([scale.ratio(look) for look in earlier]))
    return EndScale(scale.reach, max(float(np.sqrt(usual)), _LEAST_CUT))
