"""What the reference judge is worth, fitted on few episodes and asked about others.

    MUJOCO_GL=egl python benchmarks/reference_judge.py --episodes /tmp/unseen --recorded ../shared/data

Three parts, of which those run whose data is there. `simulated`: the ten tasks that the embedded judge is never
trained on, five successes each to fit on (extra `simulate`; made once, kept in the folder --episodes). `lift`: ten
robosuite episodes with rewards for each frame, beside them what the model SOLE-R1 said of the same frames; a success is
judged by the other ones. `table`: two real episodes of clearing a table, each judged by the other. Every question shows
the judge what a node would: at most eight keyframes of each camera spread over the episode, and four at which the
motion changed. How long a question takes is told in seconds of the processor, which other programs hardly change; run
it with OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1 for one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from unseen_tasks import REFERENCE_SEEDS, REFERENCES, SEEDS_PER_TASK, make

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.keyframes import KeyframeBuffer
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.judges.reference import ReferenceJudge
from vlm_judge_ros.judges.reference_file import header_of, write_references
from vlm_judge_ros.judges.reference_fit import ReferenceEpisode, fit
from vlm_judge_ros.models.appearance.encoder import open_encoder
from vlm_judge_ros.parameters.suited import suited
from vlm_judge_ros.qualify.classification import auroc
from vlm_judge_ros.qualify.order import value_order
from vlm_judge_ros.replay.labels.correlation import mean
from vlm_judge_ros.replay.labels.figure import Figure, figure, share
from vlm_judge_ros.simulation.disturbance import Disturbance

ASK_S = 1.0
GATE = suited("reference")
"""From which failure probability on, and over how long, the gate confirms a failure by default."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """An episode to fit on or to ask about.

    Attributes:
        task: the instruction.
        seconds: when each moment was, shape (moments,).
        pictures: JPEG files of each camera, one for each moment.
        truth: how far it was, 0 to 1, shape (moments,).
        success: whether it was done at the end.
        onset_s: when the failure began; NaN for a success.
        kind: what happened in it.
    """

    task: str
    seconds: NDArray[np.float64]
    pictures: Mapping[str, Sequence[bytes]]
    truth: NDArray[np.float64]
    success: bool
    onset_s: float = float("nan")
    kind: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What the judge said of an episode.

    Attributes:
        shown: the episode.
        asked: places of the moments of the questions.
        progress: in each answer.
        success: probability in each answer.
        failing: probability in each answer.
        took_s: seconds of the processor that each question took; empty where it was not asked here.
    """

    shown: Shown
    asked: NDArray[np.int64]
    progress: NDArray[np.float64]
    success: NDArray[np.float64]
    failing: NDArray[np.float64]
    took_s: NDArray[np.float64]

    @property
    def order(self) -> float:
        """Rank correlation of progress with time until it was done; NaN where that is too short."""
        truth = self.shown.truth[self.asked]
        until = int(np.argmax(truth >= truth.max() - 1e-3)) + 1
        order = value_order(self.shown.seconds[self.asked][:until], self.progress[:until])
        return float("nan") if order is None else order

    @property
    def error(self) -> float:
        """Mean absolute error of progress."""
        return float(np.abs(self.progress - self.shown.truth[self.asked]).mean())

    @property
    def stopped_s(self) -> float | None:
        """When the default gate would have confirmed a failure; None where never."""
        began_s = np.inf
        for now_s, failing in zip(self.shown.seconds[self.asked], self.failing, strict=True):
            began_s = min(began_s, now_s) if failing >= GATE.failure_threshold else np.inf
            if now_s - began_s >= GATE.failure_hold_s - 1e-6:
                return float(now_s)
        return None


def judge_fitted(references: Sequence[Shown], encoder_name: str, recorded: bool) -> ReferenceJudge:
    """Fit on episodes, by way of a file as a user would."""
    encoder = open_encoder(encoder_name)
    cameras = tuple(references[0].pictures)
    episodes = []
    for shown in references:
        moments = [
            {camera: _decode(shown.pictures[camera][index]) for camera in cameras} for index in _half_seconds(shown)
        ]
        at = _half_seconds(shown)
        episodes.append(
            ReferenceEpisode(shown.seconds[at], encoder.encode(moments), shown.truth[at] if recorded else None)
        )
    fitted = fit(episodes)
    names = tuple(f"episode {number}" for number in range(len(references)))
    tasks = tuple(dict.fromkeys(shown.task for shown in references))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "references.npz"
        write_references(path, header_of(fitted, tasks, cameras, (encoder.name, encoder.file_hash), names), fitted)
        return ReferenceJudge(path)


def _half_seconds(shown: Shown) -> NDArray[np.int64]:
    step = max(1, round(0.5 / float(np.median(np.diff(shown.seconds)))))
    return np.unique([*range(0, len(shown.seconds), step), len(shown.seconds) - 1])


def _decode(jpeg: bytes) -> NDArray[np.uint8]:
    return CompressedImage(jpeg, "jpeg").rgb()


def ask(judge: ReferenceJudge, shown: Shown, order: Sequence[int] | None = None) -> Judged:
    """Show an episode, its pictures in another order where one is given, and ask once a second and at the end."""
    judge.forget()
    order = list(range(len(shown.seconds))) if order is None else order
    buffers = {camera: KeyframeBuffer(0) for camera in shown.pictures}
    opinions: list[Opinion] = []
    asked: list[int] = []
    took_s: list[float] = []
    for index, now_s in enumerate(shown.seconds):
        now_ns = round(float(now_s) * 1e9) + 1
        for camera, buffer in buffers.items():
            image = CompressedImage(shown.pictures[camera][order[index]], "jpeg")
            buffer.add(Frame(camera, now_ns, image, image.thumbnail))
        last = index == len(shown.seconds) - 1
        if asked and now_s - shown.seconds[asked[-1]] < ASK_S - 1e-6 and not last:
            continue
        keyframes = {camera: buffer.select(8, 4) for camera, buffer in buffers.items()}
        began_s = time.process_time()
        opinions.append(judge.ask(Evidence("one", shown.task, 0, now_ns, keyframes)))
        took_s.append(time.process_time() - began_s)
        asked.append(index)
    # What it declines counts as no progress, no success and no failure.
    said = np.nan_to_num(
        [(one.progress, one.success_probability, one.failure_probability) for one in opinions], nan=0.0
    )
    return Judged(shown, np.array(asked), said[:, 0], said[:, 1], said[:, 2], np.array(took_s))


def figures(
    judged: Sequence[Judged], reversed_order: Sequence[float], still_range: Sequence[float]
) -> dict[str, Figure]:
    """All figures with their intervals over episodes."""
    good = [one for one in judged if one.shown.success]
    bad = [one for one in judged if not one.shown.success]
    found = [
        float(one.stopped_s is not None and one.stopped_s >= one.shown.onset_s) for one in bad if one.shown.onset_s >= 0
    ]

    def average(values: Sequence[float]) -> Figure:
        kept = np.array([value for value in values if np.isfinite(value)])
        return figure(mean(kept), len(kept))

    told = {
        "VOC on successes": average([one.order for one in good]),
        "progress error": average([one.error for one in judged]),
        "progress error on successes": average([one.error for one in good]),
        "false stops per success": average([float(one.stopped_s is not None) for one in good]),
        "VOC reversed": average(reversed_order),
        "range of progress on a still picture": average(still_range),
    }
    asked = [one for one in judged if len(one.took_s)]
    if asked:
        took_s, lasted_s = (np.array(rows) for rows in zip(*map(_times_s, asked), strict=True))
        questions = np.array([len(one.took_s) for one in asked], dtype=np.float64)
        told["processor seconds per question"] = figure(
            lambda counts: share(counts @ took_s, counts @ questions), len(asked), int(questions.sum())
        )
        told["processor seconds by seconds of the episode"] = figure(
            lambda counts: share(counts @ took_s, counts @ lasted_s), len(asked)
        )
    if found:
        told["failures found after their onset"] = average(found)
    if good and bad:
        last = np.array([one.success[-1] for one in judged])
        positive = np.array([float(one.shown.success) for one in judged])
        told["success AUROC"] = figure(auroc(last, positive), len(judged))
    return told


def _times_s(one: Judged) -> tuple[float, float]:
    """Seconds of the processor for all questions, and seconds of the episode."""
    return float(one.took_s.sum()), float(np.ptp(one.shown.seconds))


def _controls(judge: ReferenceJudge, shown: Shown) -> tuple[float, float]:
    """Rank correlation with time of the episode shown backwards, and range of progress on its middle picture."""
    backwards = ask(judge, shown, range(len(shown.seconds) - 1, -1, -1))
    order = value_order(shown.seconds[backwards.asked], backwards.progress)
    still = ask(judge, shown, [len(shown.seconds) // 2] * len(shown.seconds)).progress
    return float("nan") if order is None else order, float(np.ptp(still))


def show(title: str, told: Mapping[str, Figure]) -> None:
    """Print figures."""
    print(f"\n{title}")
    for name, one in told.items():
        value = "-" if one.value is None else f"{one.value:.3f}"
        between = "" if one.low is None or one.high is None else f" [{one.low:.3f}, {one.high:.3f}]"
        print(f"  {name}: {value}{between}, n = {one.n}")


def simulated(folder: Path, first_seed: int, encoder: str) -> dict[str, dict[str, Figure]]:
    """The ten tasks."""
    by_task: dict[int, tuple[list[Shown], list[Shown]]] = {}
    for path in sorted(folder.glob("*.npz")):
        index, offset = divmod(int(path.stem) - first_seed, SEEDS_PER_TASK)
        if index >= 0:
            # What the first seeds gave is there to be fitted on, and never to be judged.
            by_task.setdefault(index, ([], []))[offset >= REFERENCE_SEEDS].append(simulated_episode(path))
    every: list[Judged] = []
    backwards: list[float] = []
    still: list[float] = []
    areas: list[float] = []
    told: dict[str, dict[str, Figure]] = {}
    for references, others in by_task.values():
        if len(references) < REFERENCES or not others:
            print(f"\nleft out: {(references + others)[0].kind.split()[0]}, {len(references)} references")
            continue
        judge = judge_fitted(references[:REFERENCES], encoder, recorded=False)
        judged = [ask(judge, shown) for shown in others]
        controls = [_controls(judge, shown) for shown in others if shown.success]
        backwards += [order for order, _ in controls]
        still += [width for _, width in controls]
        every += judged
        name = references[0].kind.split()[0]
        told[name] = figures(judged, [order for order, _ in controls], [width for _, width in controls])
        area = told[name].get("success AUROC")
        areas += [area.value] if area is not None and area.value is not None else []
        show(f"simulated, {name}", told[name])
    told["all"] = figures(every, backwards, still)
    told["all"]["success AUROC, mean of tasks"] = figure(mean(np.array(areas)), len(areas))
    for kind in sorted({one.shown.kind.split()[1] for one in every if not one.shown.success}):
        alike = [one for one in every if one.shown.kind.split()[1] == kind]
        found = np.array([float(one.stopped_s is not None) for one in alike])
        told["all"][f"{kind}: found"] = figure(mean(found), len(found))
        claimed = np.array([float(one.success[-1] >= 0.8) for one in alike])
        told["all"][f"{kind}: called a success"] = figure(mean(claimed), len(claimed))
    show("simulated, all tasks", told["all"])
    return told


def simulated_episode(path: Path) -> Shown:
    """Read an episode that was simulated."""
    with np.load(path, allow_pickle=False) as file:
        pictures = {}
        for camera in ("front", "wrist"):
            ends = [0, *file[f"{camera}_ends"].tolist()]
            data = file[camera].tobytes()
            pictures[camera] = [data[begin:end] for begin, end in pairwise(ends)]
        task, disturbance = str(file["task"]), Disturbance(str(file["disturbance"]))
        return Shown(
            task=f"do the task {task}",
            seconds=file["stamps_s"].astype(np.float64),
            pictures=pictures,
            truth=file["progress"].astype(np.float64),
            success=disturbance.is_benign,
            onset_s=float(file["onset_s"]),
            kind=f"{task} {disturbance.value}",
        )


def lift(folder: Path, encoder: str) -> dict[str, dict[str, Figure]]:
    """The robosuite episodes; the references' progress is taken from the time, and from the rewards beside it."""
    episodes = [(_lift_episode(path), _sole_r1(path)) for path in sorted(folder.glob("*/episode_*_data.json"))]
    told = {}
    for recorded in (False, True):
        judged = []
        backwards = []
        still = []
        for shown, _ in episodes:
            judge = judge_fitted(
                [other for other, _ in episodes if other.success and other is not shown], encoder, recorded
            )
            judged.append(ask(judge, shown))
            if shown.success:
                order, width = _controls(judge, shown)
                backwards.append(order)
                still.append(width)
        title = "lift, progress of the references from " + ("their rewards" if recorded else "the time")
        told[title] = figures(judged, backwards, still)
        show(title, told[title])
    said = [
        Judged(shown, np.arange(len(values)), values, values, np.zeros(len(values)), np.array([]))
        for shown, values in episodes
    ]
    told["lift, SOLE-R1"] = figures(said, [], [])
    show("lift, SOLE-R1", told["lift, SOLE-R1"])
    return told


def _lift_episode(path: Path) -> Shown:
    content = json.loads(path.read_text(encoding="utf-8"))
    number = path.name.split("_")[1]
    film = next(path.parent.glob(f"*_episode_{number}_*.mp4"))
    frames = _film(film)
    middle = frames[0].shape[1] // 2
    rewards = np.array(content["ground-truth rewards"], dtype=np.float64) / 100.0
    count = min(len(frames), len(rewards))
    return Shown(
        task=content["task description"],
        seconds=np.arange(count) * 0.5,
        pictures={
            "front": [_encode(frame[:, :middle]) for frame in frames[:count]],
            "wrist": [_encode(frame[:, middle:]) for frame in frames[:count]],
        },
        truth=rewards[:count],
        success=bool(rewards[count - 1] >= 1.0),
    )


def _sole_r1(path: Path) -> NDArray[np.float64]:
    content = json.loads(Path(str(path).replace("_data", "_sole_r1_output")).read_text(encoding="utf-8"))
    first = content[0] if isinstance(content, list) else content
    return np.clip(np.array(first["rewards"], dtype=np.float64) / 100.0, 0.0, 1.0)


def table(folder: Path, encoder: str) -> dict[str, dict[str, Figure]]:
    """The two real episodes, each judged by the other; progress is the share of the marked steps."""
    episodes = [_table_episode(path) for path in sorted(folder.glob("episode_*"))]
    judged, backwards, still = [], [], []
    for shown, other in zip(episodes, episodes[::-1], strict=True):
        judge = judge_fitted([other], encoder, recorded=False)
        judged.append(ask(judge, shown))
        order, width = _controls(judge, shown)
        backwards.append(order)
        still.append(width)
    told = figures(judged, backwards, still)
    # There is no failure, so the moments after the last step are told from those before.
    success = np.concatenate([one.success for one in judged])
    done = np.concatenate([one.shown.truth[one.asked] >= 0.999 for one in judged]).astype(np.float64)
    told["done moments told from others, AUROC"] = figure(auroc(success, done), len(done))
    show("table", told)
    return {"table": told}


def _table_episode(folder: Path) -> Shown:
    marks = json.loads((folder / "annotated_keyframes.json").read_text(encoding="utf-8"))
    pictures = {}
    for camera in ("cam_high", "cam_left_wrist", "cam_right_wrist"):
        pictures[camera] = [_encode(frame) for frame in _film(folder / f"{camera}.mp4", every=15)]
    count = min(len(frames) for frames in pictures.values())
    seconds = np.arange(count) * 0.5
    ends = [0, *(mark["end_frame_id"] for mark in marks)]
    ends[0] = marks[0]["start_frame_id"]
    truth = np.interp(seconds * 30.0, ends, np.linspace(0.0, 1.0, len(ends)))
    return Shown(
        task="clean the table",
        seconds=seconds,
        pictures={camera: frames[:count] for camera, frames in pictures.items()},
        truth=truth,
        success=True,
    )


def _film(path: Path, every: int = 1) -> list[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(path))
    frames: list[NDArray[np.uint8]] = []
    index = 0
    while capture.grab():
        if index % every == 0:
            frames.append(np.asarray(capture.retrieve()[1][:, :, ::-1], dtype=np.uint8))
        index += 1
    capture.release()
    return frames


def _encode(picture: NDArray[np.uint8]) -> bytes:
    small = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=Path, help="folder of the simulated episodes; missing ones are made")
    parser.add_argument("--first-seed", type=int, default=650_000)
    parser.add_argument("--good", type=int, default=8, help="successes of each task beside its references")
    parser.add_argument("--bad", type=int, default=8, help="failures of each task")
    parser.add_argument("--jobs", type=int, default=1, help="processes that simulate")
    parser.add_argument("--as-they-are", action="store_true", help="simulate none, take the episodes that are there")
    parser.add_argument("--recorded", type=Path, help="folder that holds sole_r1_lift and robo_dopamine")
    parser.add_argument("--encoder", default="grids")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    told: dict[str, dict[str, Figure]] = {}
    if options.recorded is not None:
        told |= lift(options.recorded / "sole_r1_lift", options.encoder)
        table_folder = options.recorded / "robo_dopamine" / "dataset" / "example_raw_data"
        told |= table(table_folder, options.encoder)
    if options.episodes is not None:
        if not options.as_they_are:
            status = make(options.episodes, options.first_seed, options.good, options.bad, options.jobs)
            if status:
                return status
        told |= simulated(options.episodes, options.first_seed, options.encoder)
    if options.json is not None:
        plain = {part: {name: vars_of(one) for name, one in parts.items()} for part, parts in told.items()}
        options.json.write_text(json.dumps(plain, indent=1), encoding="utf-8")
    return 0


def vars_of(one: Figure) -> dict[str, float | int | None]:
    """A figure as JSON takes it."""
    return {"value": one.value, "low": one.low, "high": one.high, "n": one.n}


if __name__ == "__main__":
    sys.exit(main())
