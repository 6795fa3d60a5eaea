"""How well a judge orders the chunks of single decisions, against the steps that the clean expert then still needs.

Plays episodes of `vlm-judge steer-eval` in which the oracle and the judge choose in turn, so that good states and bad
ones come up, and prints for each way of scoring and each margin: how many pairs of chunks that differ by three steps
or more are ordered rightly, and how many steps the chosen chunk costs beyond the best one (regret), beside the regret
of any of them. Intervals are over drawn episodes. Needs the extra `simulate`.

    python benchmarks/steering_decisions.py --task drawer-open --task push --episodes 8 --look none

The judge `reference` is fitted to five episodes of the clean expert, as `vlm-judge steer-eval` does.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.closed_loop.choosers import Decision, Pick
from vlm_judge_ros.closed_loop.loop import LoopSettings, Scene
from vlm_judge_ros.closed_loop.noisy_expert import HORIZON
from vlm_judge_ros.closed_loop.references import fit_references
from vlm_judge_ros.closed_loop.task_table import chosen, read_table
from vlm_judge_ros.closed_loop.workers import REFERENCE
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.opinion import Judge, Opinion
from vlm_judge_ros.models.appearance.encoder import GRIDS
from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.parameters.judge_node import DEFAULT_CAMERAS
from vlm_judge_ros.parameters.settings import engine_settings
from vlm_judge_ros.replay.labels.figure import Figure, figure_over_rows, share
from vlm_judge_ros.simulation.camera import Variation
from vlm_judge_ros.steering.questions import SteeringSettings, prepare

MARGINS = (0.0, 0.001, 0.005, 0.02)
TELLING_STEPS = 3
REFERENCES = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """One decision: the steps left after each chunk, and what the judge said of it."""

    seed: int
    left: Floats
    opinions: tuple[Opinion, ...]


WAYS: dict[str, Callable[[Opinion], float]] = {
    "progress": lambda one: one.progress,
    "progress x (1 - failure)": lambda one: one.progress * (1.0 - one.failure_probability),
    "progress - failure": lambda one: one.progress - one.failure_probability,
    "1 - failure": lambda one: 1.0 - one.failure_probability,
}


class Collecting:
    """Asks about every chunk, and lets the oracle or the judge choose, as a coin falls."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.judged: list[Judged] = []

    def choose(self, decision: Decision) -> Pick:
        """Choose, and remember."""
        evidence, request = decision.evidence(), decision.request()
        # Without the check of consistency, so that there is an opinion on every chunk.
        questions = prepare(request, evidence, SteeringSettings(consistency=None)).questions
        opinions = tuple(self._judge.ask(question.evidence) for question in questions)
        left = np.array([decision.steps_left(index, decision.longest) for index in range(decision.count)], float)
        self.judged.append(Judged(decision.seed, left, opinions))
        coin = np.random.default_rng([decision.seed, decision.number]).random() < 0.5
        progress = np.nan_to_num([one.progress for one in opinions], nan=-1.0)
        return Pick(int(np.argmin(left) if coin else np.argmax(progress)), 0.0)


def ordered(judged: list[Judged], way: Callable[[Opinion], float]) -> Figure:
    """The share of telling pairs that are ordered rightly; one that is not scored is ordered wrongly."""
    hits, seeds = [], []
    for one in judged:
        scores = [way(opinion) for opinion in one.opinions]
        for first in range(len(scores)):
            for second in range(first):
                if abs(one.left[first] - one.left[second]) >= TELLING_STEPS:
                    right = (one.left[first] < one.left[second]) == (scores[first] > scores[second])
                    hits.append(bool(right and np.isfinite([scores[first], scores[second]]).all()))
                    seeds.append(one.seed)
    counted = np.array(hits, dtype=np.float64)
    return figure_over_rows(lambda counts: share(counts @ counted, counts.sum(axis=1)), seeds)


def regret(judged: list[Judged], margin: float) -> tuple[Figure, float]:
    """Steps beyond the best chunk of the one that is chosen by progress, and in how many decisions nobody is."""
    costs, abstained = [], 0
    for one in judged:
        scores = np.array([opinion.progress for opinion in one.opinions])
        best = np.sort(scores[np.isfinite(scores)])[::-1]
        clear = best.size > 1 and best[0] - best[1] > 0.0 and best[0] - best[1] >= margin
        abstained += not clear
        costs.append(one.left[int(np.nanargmax(scores)) if clear else 0] - one.left.min())
    return mean_over_episodes(judged, np.array(costs)), abstained / len(judged)


def mean_over_episodes(judged: list[Judged], values: Floats) -> Figure:
    """A mean over decisions, with its interval over drawn episodes."""
    return figure_over_rows(lambda counts: share(counts @ values, counts.sum(axis=1)), [one.seed for one in judged])


def told(one: Figure) -> str:
    """A figure with its interval."""
    if one.value is None:
        return "not known"
    interval = "" if one.low is None or one.high is None else f" ({one.low:.2f} to {one.high:.2f})"
    return f"{one.value:.2f}{interval}"


def judge_named(name: str, task: str, look: Variation) -> Judge:
    """A judge as `vlm-judge steer-eval` makes it for a task."""
    if name != REFERENCE:
        return resolve(name)(JudgeOptions())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "references.npz"
        fit_references(task, REFERENCES, GRIDS, look, path)
        return resolve(name)(JudgeOptions(model=str(path)))


def main() -> None:
    """Play, and print."""
    table = read_table()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", action="append", default=[], choices=list(table))
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--judge", default="embedded")
    parser.add_argument("--noise", type=float, help="of the policy (default: as in the table)")
    parser.add_argument("--look", default=Variation.USUAL.value, choices=[look.value for look in Variation])
    parser.add_argument("--frame-steps", type=int, default=HORIZON, help="control steps of 0.1 s between two pictures")
    options = parser.parse_args()
    engine = engine_settings(GivenParameters({"judge": options.judge}).for_cameras(DEFAULT_CAMERAS))
    loop = LoopSettings(options.frame_steps, engine=engine, look=Variation(options.look))
    for listed in chosen(table, options.task):
        task = listed if options.noise is None else listed.model_copy(update={"noise": options.noise})
        collecting = Collecting(judge_named(options.judge, task.task, loop.look))
        for seed in range(options.episodes):
            Scene(task, 1000 + seed, loop).run(collecting, options.k)
        judged = collecting.judged
        declined = np.mean([opinion.declined for one in judged for opinion in one.opinions])
        chance = mean_over_episodes(judged, np.array([one.left.mean() - one.left.min() for one in judged]))
        print(
            f"{task.task}: {len(judged)} decisions in {options.episodes} episodes, {declined:.0%} of answers declined"
        )
        for name, way in WAYS.items():
            print(f"  pairs ordered rightly by {name}: {told(ordered(judged, way))}")
        print(f"  regret of any chunk: {told(chance)} steps")
        for margin in MARGINS:
            cost, abstained = regret(judged, margin)
            print(f"  regret with margin {margin:g}: {told(cost)} steps, abstained in {abstained:.0%}", flush=True)


if __name__ == "__main__":
    main()
