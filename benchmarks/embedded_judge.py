"""What the embedded judge is worth, on simulated episodes from seeds that it was never trained on.

    MUJOCO_GL=egl python benchmarks/embedded_judge.py --episodes 120

Each episode is simulated, and fed at its own stamps to the engine that the live node runs: pictures as JPEG at
5 Hz, one action chunk a second, one question to the judge per chunk. Beside the verdicts stand the controls: a
clock, a frozen video, a wrong task.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.judges.embedded import EmbeddedJudge
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.models.two_view import TwoViewModel
from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.parameters.judge_node import DEFAULT_CAMERAS
from vlm_judge_ros.parameters.settings import engine_settings
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.episode import EpisodeImpossible, EpisodeSpec, SimulatedEpisode, simulate_episode
from vlm_judge_ros.simulation.tasks import TASKS
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.verdict import State

HELD_OUT_SEED = 650_000
FRAME_STEPS = 2
FRAME_S = 0.2
FROZEN_S = 12.0
WRONG_TASK_S = 6.0
CLOCK_S = 10.0
JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Score:
    """What one episode gave.

    Attributes:
        task: name of the task.
        disturbance: what happened in it.
        failure_mode: true failure mode by name; "NONE" for a success.
        duration_s: its length.
        final_success: success probability in the last answer.
        errors: absolute error of progress at each answer.
        clock_errors: the same for a clock that runs from 0 to 1 in `CLOCK_S`.
        order: rank correlation of progress with time until the task was complete; NaN for failures.
        failed_s: when the gate first said FAILED; None if never.
        onset_s: when the failure began; None for a success.
        mode: failure mode the gate gave; "NONE" if it never failed.
        succeeded: whether the last verdict was SUCCEEDED.
        declined: share of answers in which the judge declined.
        frozen_rise: last minus first progress on a frozen video of a random moment.
        frozen_range: largest minus smallest progress there.
        frozen_order: rank correlation of progress with time there; 0 where progress is constant.
        wrong_task_progress: progress in the last answer when asked for another task.
    """

    task: str
    disturbance: str
    failure_mode: str
    duration_s: float
    final_success: float
    errors: tuple[float, ...]
    clock_errors: tuple[float, ...]
    order: float
    failed_s: float | None
    onset_s: float | None
    mode: str
    succeeded: bool
    declined: float
    frozen_rise: float
    frozen_range: float
    frozen_order: float
    wrong_task_progress: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """Answers and verdicts of one pass through the engine."""

    opinions: list[Opinion]
    failed_s: float | None
    mode: str
    succeeded: bool


@lru_cache(maxsize=1)
def embedded_judge() -> EmbeddedJudge:
    """The judge, one per process."""
    return EmbeddedJudge()


def encoded_pictures(episode: SimulatedEpisode) -> dict[str, list[bytes]]:
    """The pictures of each camera as JPEG files."""

    def encode(picture: NDArray[np.uint8]) -> bytes:
        parameters = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        return bytes(cv2.imencode(".jpg", picture[:, :, ::-1], parameters)[1].tobytes())

    return {camera: [encode(picture) for picture in frames] for camera, frames in episode.frames.items()}


def _replay(episode: SimulatedEpisode, task: str, pictures: dict[str, list[bytes]], order: Sequence[int]) -> Replayed:
    """Feed the pictures and joint states of the given frames, in that order, `FRAME_S` apart."""
    engine, start_ns = Engine(engine_settings(GivenParameters().for_cameras(DEFAULT_CAMERAS))), 10**9
    engine.start_episode("one", task, start_ns)
    opinions: list[Opinion] = []
    failed_s, mode, now_ns = None, "NONE", start_ns
    for index, shown in enumerate(order):
        now_ns = start_ns + round(index * FRAME_S * 1e9)
        if index % 5 == 0:
            engine.add_chunk(Chunk(index // 5 + 1, now_ns, 10, 0.1))
        positions = tuple(episode.joint_positions[episode.frame_indices[shown]])
        engine.add_joint_state(JointSample(now_ns, episode.joint_names, positions))
        for camera, frames in pictures.items():
            image = CompressedImage(frames[shown], "jpeg")
            engine.add_frame(Frame(camera, now_ns, image, image.thumbnail()), now_ns)
        last = index == len(order) - 1
        request = engine.due(now_ns)
        # The last frame of an episode is asked about even where it ends no chunk.
        evidence = request.evidence if request else engine.evidence(now_ns) if last else None
        if evidence is None:
            continue
        opinions.append(embedded_judge().ask(evidence))
        verdict = engine.add_opinion(opinions[-1], now_ns)
        if verdict.state is State.FAILED and failed_s is None:
            failed_s, mode = (now_ns - start_ns) * 1e-9, verdict.failure_mode.name
    return Replayed(opinions, failed_s, mode, engine.verdict.state is State.SUCCEEDED)


def _rank_order(values: Sequence[float]) -> float:
    """Value-order correlation: Spearman's rank correlation of values with time; 0 where they do not change."""
    if len(values) < 3 or max(values) - min(values) < 1e-6:
        return 0.0
    return float(stats.spearmanr(range(len(values)), values).statistic)


def score(task: str, disturbance: Disturbance, seed: int) -> Score | None:
    """Simulate and judge one episode; None where the simulator cannot make it."""
    try:
        episode = simulate_episode(EpisodeSpec(task, seed, disturbance, frame_steps=FRAME_STEPS))
    except EpisodeImpossible:
        return None
    random = np.random.default_rng(seed)
    pictures = encoded_pictures(episode)
    shown = range(len(episode.frame_indices))
    replayed = _replay(episode, episode.instruction, pictures, shown)
    given = [opinion for opinion in replayed.opinions if not opinion.declined]
    frames = [round(opinion.evidence.elapsed_s / FRAME_S) for opinion in given]
    truth = [float(episode.progress[episode.frame_indices[frame]]) for frame in frames]
    complete = [t for t in range(len(given)) if truth[t] >= 1.0]
    until = complete[0] + 1 if complete else len(given)
    others = sorted(other for other in TwoViewModel().description.instructions if other != task)
    wrong = str(random.choice(TASKS[str(random.choice(others))].instructions))
    mistaken = _replay(episode, wrong, pictures, shown[-round(WRONG_TASK_S / FRAME_S) :]).opinions
    moment = int(random.integers(len(shown)))
    frozen_opinions = _replay(episode, episode.instruction, pictures, [moment] * round(FROZEN_S / FRAME_S)).opinions
    frozen = [opinion.progress for opinion in frozen_opinions if not opinion.declined] or [math.nan]
    return Score(
        task=task,
        disturbance=disturbance.value,
        failure_mode=episode.mode.name,
        duration_s=float(episode.stamps_s[-1]),
        final_success=replayed.opinions[-1].success_probability,
        errors=tuple(abs(opinion.progress - true) for opinion, true in zip(given, truth, strict=True)),
        clock_errors=tuple(
            abs(min(1.0, opinion.evidence.elapsed_s / CLOCK_S) - true)
            for opinion, true in zip(given, truth, strict=True)
        ),
        order=_rank_order([opinion.progress for opinion in given[:until]]) if episode.onset_s is None else math.nan,
        failed_s=replayed.failed_s,
        onset_s=episode.onset_s,
        mode=replayed.mode,
        succeeded=replayed.succeeded,
        declined=1.0 - len(given) / len(replayed.opinions),
        frozen_rise=frozen[-1] - frozen[0],
        frozen_range=max(frozen) - min(frozen),
        frozen_order=_rank_order(frozen),
        wrong_task_progress=mistaken[-1].progress,
    )


def auroc(good: NDArray[np.float64], bad: NDArray[np.float64]) -> float:
    """Probability that a good one scores higher than a bad one; a tie counts half."""
    if not len(good) or not len(bad):
        return math.nan
    return float((good[:, None] > bad[None]).mean() + 0.5 * (good[:, None] == bad[None]).mean())


def interval(
    scores: Sequence[Score], figure: Callable[[Sequence[Score]], float], draws: int = 1000
) -> dict[str, float]:
    """Return a figure, its 95 % bootstrap interval over episodes, and the number of episodes it rests on."""
    if not scores:
        return {"value": math.nan, "low": math.nan, "high": math.nan, "n": 0}
    random = np.random.default_rng(0)
    values = [figure([scores[i] for i in random.integers(len(scores), size=len(scores))]) for _ in range(draws)]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return {"value": figure(scores), "low": float(low), "high": float(high), "n": len(scores)}


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _success_auroc(scores: Sequence[Score], value: Callable[[Score], float]) -> float:
    # A judge that declines has not said that the task is complete.
    numbers = np.array([0.0 if math.isnan(value(s)) else value(s) for s in scores])
    good = np.array([s.failure_mode == "NONE" for s in scores])
    return auroc(numbers[good], numbers[~good])


def figures(scores: Sequence[Score]) -> dict[str, dict[str, float]]:
    """Every figure, each with interval and n."""
    good = [s for s in scores if s.failure_mode == "NONE"]
    bad = [s for s in scores if s.failure_mode != "NONE"]
    found = [s for s in bad if s.failed_s is not None]
    card = {
        "success_auroc": interval(scores, lambda chosen: _success_auroc(chosen, lambda s: s.final_success)),
        "success_auroc_of_a_clock": interval(scores, lambda chosen: _success_auroc(chosen, lambda s: s.duration_s)),
        "progress_error": interval(scores, lambda chosen: _mean([e for s in chosen for e in s.errors])),
        "progress_error_of_a_clock": interval(
            scores, lambda chosen: _mean([e for s in chosen for e in s.clock_errors])
        ),
        "voc_on_successes": interval(good, lambda chosen: _mean([s.order for s in chosen])),
        "voc_frozen": interval(scores, lambda chosen: _mean([s.frozen_order for s in chosen])),
        "frozen_rise": interval(scores, lambda chosen: _mean([s.frozen_rise for s in chosen])),
        "frozen_range": interval(scores, lambda chosen: _mean([s.frozen_range for s in chosen])),
        "wrong_task_progress": interval(good, lambda chosen: _mean([s.wrong_task_progress for s in chosen])),
        "succeeded_on_successes": interval(good, lambda chosen: _mean([s.succeeded for s in chosen])),
        "succeeded_on_failures": interval(bad, lambda chosen: _mean([s.succeeded for s in chosen])),
        "failed_on_failures": interval(bad, lambda chosen: _mean([s.failed_s is not None for s in chosen])),
        "failed_on_successes": interval(good, lambda chosen: _mean([s.failed_s is not None for s in chosen])),
        "mode_right_where_failed": interval(found, lambda chosen: _mean([s.mode == s.failure_mode for s in chosen])),
        "recognised_after_onset_s": interval(
            found, lambda chosen: float(np.median([(s.failed_s or 0.0) - (s.onset_s or 0.0) for s in chosen]))
        ),
        "declined": interval(scores, lambda chosen: _mean([s.declined for s in chosen])),
    }
    for mode in sorted({s.failure_mode for s in bad}):
        of_mode = [s for s in bad if s.failure_mode == mode]
        card[f"failed_on_{mode}"] = interval(of_mode, lambda chosen: _mean([s.failed_s is not None for s in chosen]))
    return card


def plan(count: int, first_seed: int) -> list[tuple[str, Disturbance, int]]:
    """Return the tasks it was trained on in turn, half of the episodes of each to fail, each kind in turn."""
    tasks = sorted(TwoViewModel().description.instructions)
    plans = []
    for index in range(count):
        task = tasks[index % len(tasks)]
        turn, benign = divmod(index // len(tasks), 2)
        kinds = sorted((d for d in TASKS[task].disturbances if d.is_benign == bool(benign)), key=lambda d: d.value)
        plans.append((task, kinds[turn % len(kinds)], first_seed + index))
    return plans


def main() -> int:
    """Simulate, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=120)
    parser.add_argument("--first-seed", type=int, default=HELD_OUT_SEED)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="print one object with every figure and every episode")
    arguments = parser.parse_args()

    plans = plan(arguments.episodes, arguments.first_seed)
    scores: list[Score] = []
    with ProcessPoolExecutor(arguments.jobs, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for done, result in enumerate(pool.map(score, *zip(*plans, strict=True)), start=1):
            scores.extend([result] if result is not None else [])
            print(f"\r{done} of {len(plans)} episodes judged", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    card = figures(scores)
    if arguments.json:
        print(json.dumps({"figures": card, "episodes": [asdict(s) for s in scores]}))
        return 0
    print(f"{'figure':30} {'value':>7} {'95 % interval':>17} {'n':>5}")
    for name, row in card.items():
        print(f"{name:30} {row['value']:7.3f} {row['low']:8.3f} {row['high']:8.3f} {row['n']:5d}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
