"""Whether the reference judge knows at the end of an episode that it succeeded, by kind of failure.

    python -m vlm_judge_ros.simulation.dataset --out episodes --every 5 --episodes 4500
    python benchmarks/reference_success.py --episodes episodes --tasks push reach door-open

Fits on the first five undisturbed episodes of each task and asks one question about each of the others, at its end,
with the keyframes that a node would choose. The settings of the judge were chosen on such episodes, so what this prints
is no promise; `reference_judge.py` has other tasks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from reference_judge import Shown, judge_fitted, show, simulated_episode
from unseen_tasks import REFERENCES

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.keyframes import KeyframeBuffer
from vlm_judge_ros.judges.reference import ReferenceJudge
from vlm_judge_ros.qualify.classification import auroc
from vlm_judge_ros.replay.labels.correlation import mean
from vlm_judge_ros.replay.labels.figure import Figure, figure
from vlm_judge_ros.simulation.disturbance import Disturbance

CLAIMED = 0.8


def at_the_end(judge: ReferenceJudge, shown: Shown) -> float:
    """The success probability in the answer to one question at the end; 0 where the judge declines."""
    judge.forget()
    buffers = {camera: KeyframeBuffer(0) for camera in shown.pictures}
    now_ns = 0
    for index, now_s in enumerate(shown.seconds):
        now_ns = round(float(now_s) * 1e9) + 1
        for camera, buffer in buffers.items():
            image = CompressedImage(shown.pictures[camera][index], "jpeg")
            buffer.add(Frame(camera, now_ns, image, image.thumbnail))
    keyframes = {camera: buffer.select(8, 4) for camera, buffer in buffers.items()}
    said = judge.ask(Evidence("one", shown.task, 0, now_ns, keyframes)).success_probability
    return float(np.nan_to_num(said, nan=0.0))


def claims(paths: Sequence[Path]) -> list[tuple[Disturbance, float]]:
    """What happened in each episode of a task that is not a reference, and what is said of its end."""
    shown = [simulated_episode(path) for path in paths]
    kinds = [Disturbance(one.kind.split()[1]) for one in shown]
    plain = [place for place, kind in enumerate(kinds) if kind is Disturbance.NONE][:REFERENCES]
    if len(plain) < REFERENCES:
        return []
    judge = judge_fitted([shown[place] for place in plain], "grids", recorded=False)
    return [(kinds[place], at_the_end(judge, one)) for place, one in enumerate(shown) if place not in plain]


def area(said: Sequence[tuple[Disturbance, float]]) -> Figure:
    """AUROC of success with its interval."""
    probability = np.array([claim for _, claim in said])
    positive = np.array([float(kind.is_benign) for kind, _ in said])
    return figure(auroc(probability, positive), len(said))


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=Path, required=True, help="folder of simulated episodes of any tasks")
    parser.add_argument("--tasks", nargs="*", help="only these")
    options = parser.parse_args()
    by_task: dict[str, list[Path]] = {}
    for path in sorted(options.episodes.glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            task = str(file["task"])
        if not options.tasks or task in options.tasks:
            by_task.setdefault(task, []).append(path)
    every: list[tuple[Disturbance, float]] = []
    areas = []
    for paths in by_task.values():
        said = claims(paths)
        every += said
        if len({kind.is_benign for kind, _ in said}) == 2:
            areas.append(area(said).value or 0.0)
    told = {
        "success AUROC": area(every),
        "the same without shortcuts": area([one for one in every if one[0] is not Disturbance.SHORTCUT]),
        "success AUROC, mean of tasks": figure(mean(np.array(areas)), len(areas)),
        "Brier score": figure(mean(np.array([(claim - kind.is_benign) ** 2 for kind, claim in every])), len(every)),
    }
    for kind in sorted({kind for kind, _ in every}, key=lambda one: (not one.is_benign, one.value)):
        alike = np.array([float(claim >= CLAIMED) for other, claim in every if other is kind])
        told[f"{kind.value} ({'success' if kind.is_benign else 'failure'}): called a success"] = figure(
            mean(alike), len(alike)
        )
    show(f"{len(by_task)} tasks", told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
