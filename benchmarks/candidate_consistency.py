r"""How often a right prediction is refused, and how often frames of another successful episode are caught.

    MUJOCO_GL=egl python -m vlm_judge_ros.simulation.dataset --out same --first-seed 700000 --episodes 60 --every 2 \
        --kinds none --variation none --tasks pick-place push drawer-open door-open window-open button-press-topdown
    python benchmarks/candidate_consistency.py same

Episodes are those of `simulation.dataset`; only successful ones are used. With `--variation none` camera, light and
surfaces are the same in all of them, and only places of objects and the motion differ: the hardest case. A candidate
shows frames up to a second ahead, the first of them `first` seconds ahead and the others as far apart.

- *own*: what really came. Refused is wrong.
- *same moment*: another episode of the task from its same moment on. Not refused is wrong.
- *any moment*: the same, from a moment drawn at random.
- *spliced*: the first frame is right, and the others are of another episode at its same moment.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.replay.labels.figure import figure_of_share
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame
from vlm_judge_ros.steering.consistency import ConsistencyRules, SceneNow

KINDS = ("own", "same moment", "any moment", "spliced")
HORIZON_S = 1.0
MOMENTS = 4


@dataclass(frozen=True)
class Recorded:
    """A successful episode.

    Attributes:
        task: its name.
        stamps_s: of F frames, from the start.
        images: F of each camera.
    """

    task: str
    stamps_s: np.ndarray
    images: dict[str, list[CompressedImage]]


def read(path: Path) -> Recorded | None:
    """Read an episode; None where it did not succeed."""
    with np.load(path) as file:
        if not bool(file["success"][-1]):
            return None
        images = {}
        for camera in ("front", "wrist"):
            ends = [0, *file[f"{camera}_ends"].tolist()]
            data = file[camera].tobytes()
            images[camera] = [CompressedImage(data[a:b]) for a, b in pairwise(ends)]
        return Recorded(str(file["task"]), np.array(file["stamps_s"], dtype=np.float64), images)


def evidence_of(episode: Recorded, place: int, spacing_s: float, cameras: Sequence[str]) -> Evidence:
    """What was seen until a frame: frames a spacing apart, the newest last."""
    step = max(1, round(spacing_s / (episode.stamps_s[1] - episode.stamps_s[0])))
    places = list(range(place, -1, -step))[::-1]
    keyframes = {
        camera: tuple(
            Keyframe(Frame(camera, _ns(episode.stamps_s[at]), image, image.thumbnail), FrameRole.SPREAD)
            for at in places
            for image in [episode.images[camera][at]]
        )
        for camera in cameras
    }
    return Evidence("bench", episode.task, 0, _ns(episode.stamps_s[place]), keyframes)


def shown(
    episode: Recorded, place: int, step: int, count: int, cameras: Sequence[str], noise: float, seed: int
) -> list[PredictedFrame]:
    """Frames of an episode as predictions: from a place on, `step` frames apart."""
    step_s = step * float(episode.stamps_s[1] - episode.stamps_s[0])
    frames = []
    for camera in cameras:
        images = episode.images[camera]
        for index in range(1, count + 1):
            image = images[min(place + index * step, len(images) - 1)]
            frames.append(PredictedFrame(camera, index * step_s, noisy(image, noise, seed + index) if noise else image))
    return frames


def noisy(image: CompressedImage, noise: float, seed: int) -> RawImage:
    """The image 15 % brighter, with as much noise (standard deviation, grey levels) in every pixel."""
    rgb = image.rgb().astype(np.float64)
    rgb = 1.15 * rgb + np.random.default_rng(seed).normal(0.0, noise, rgb.shape)
    height, width = rgb.shape[:2]
    return RawImage(np.clip(rgb, 0, 255).astype(np.uint8).tobytes(), width, height, "rgb8", 3 * width)


def main() -> int:
    """Compare, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("episodes", type=Path, help="folder that simulation.dataset has filled")
    parser.add_argument("--first", type=float, nargs="+", default=[0.2, 0.4, 1.0], help="seconds to the first frame")
    parser.add_argument("--spacing", type=float, default=0.4, help="seconds between keyframes (default: 0.4)")
    parser.add_argument("--noise", type=float, default=0.0, help="make predictions brighter and add noise")
    parser.add_argument("--cameras", nargs="+", default=["front", "wrist"])
    parser.add_argument("--rules", type=json.loads, default={}, help="JSON object of ConsistencyRules")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rules = ConsistencyRules(**arguments.rules)
    episodes = [found for path in sorted(arguments.episodes.glob("*.npz")) if (found := read(path)) is not None]
    of_task: dict[str, list[int]] = defaultdict(list)
    for number, episode in enumerate(episodes):
        of_task[episode.task].append(number)
    random = np.random.default_rng(0)
    rows, seconds = [], []
    for first_s in arguments.first:
        refused: dict[str, list[bool]] = {kind: [] for kind in KINDS}
        numbers: list[int] = []
        for number, episode in enumerate(episodes):
            others = [other for other in of_task[episode.task] if other != number]
            step = round(first_s / float(episode.stamps_s[1] - episode.stamps_s[0]))
            count = round(HORIZON_S / first_s)
            last = len(episode.stamps_s) - 1 - step * count
            if not others or last < 1 or step < 1:
                continue
            for place in random.integers(0, last + 1, MOMENTS):
                other = episodes[int(random.choice(others))]
                any_place = int(random.integers(0, max(1, len(other.stamps_s) - step * count)))
                evidence = evidence_of(episode, int(place), arguments.spacing, arguments.cameras)
                shape = (step, count, arguments.cameras, arguments.noise, int(place))
                own, same = shown(episode, int(place), *shape), shown(other, int(place), *shape)
                firsts = [frame for frame in own if frame.at_s < 1.5 * first_s]
                spliced = firsts + [frame for frame in same if frame.at_s > 1.5 * first_s]
                candidates = dict(zip(KINDS, (own, same, shown(other, any_place, *shape), spliced), strict=True))
                numbers.append(number)
                began = time.perf_counter()
                scene = SceneNow(evidence, rules)
                for kind, frames in candidates.items():
                    refused[kind].append(bool(scene.doubt(Candidate(frames=tuple(frames)), evidence.now_ns)))
                seconds.append((time.perf_counter() - began) / len(candidates))
        for kind in KINDS:
            if count == 1 and kind == "spliced":
                continue
            found = figure_of_share(refused[kind], numbers)
            rows.append({"first_s": first_s, "kind": kind, "n": len(numbers), "episodes": len(set(numbers))})
            rows[-1] |= {"refused": found.value, "low": found.low, "high": found.high}
    if arguments.json:
        print(json.dumps(rows))
        return 0
    print(f"{len(episodes)} episodes of {len(of_task)} tasks; {1e3 * float(np.median(seconds)):.1f} ms for a candidate")
    print(f"{'first frame':>12} {'candidate':>12} {'n':>5} {'episodes':>9}  refused [95 %]")
    for row in rows:
        interval = f"{row['refused']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        print(f"{row['first_s']:>10.1f} s {row['kind']:>12} {row['n']:>5} {row['episodes']:>9}  {interval}")
    return 0


def _ns(seconds: float) -> int:
    return round(float(seconds) * 1e9)


if __name__ == "__main__":
    sys.exit(main())
