"""`vlm-judge examples distil`: rewards of a failed episode in the words of a model that agrees with a person."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.distillation import Draw, Measure, RewardCurve, distil
from vlm_judge_ros.judges.example_bank import ExampleBank, NewExample, NewFrame
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.frame_ordering import METHOD, Curve
from vlm_judge_ros.judges.opinion import JudgeProvenance
from vlm_judge_ros.judges.written_answer import Unparsable
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.examples_add import cameras_named, mode_named
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.replay.stills import moments, stills
from vlm_judge_ros.replay.trace import Shot


@runtime_checkable
class DrawsCurves(Protocol):
    """A judge that can draw several curves of one episode."""

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is."""

    def curves(self, evidence: Evidence, temperature: float) -> Sequence[Curve | Unparsable]:
        """As many as it was made for; that of one place has to do with that of the same place of another episode."""


@dataclass(frozen=True, slots=True)
class _Episode:
    """What the model is shown of a bag: the images of all cameras at each moment."""

    recording: Recording
    shown: list[tuple[Shot, ...]]

    def evidence(self, task: str) -> Evidence:
        started_ns = self.recording.started_ns
        frames = [[_frame(shot, started_ns) for shot in shots] for shots in self.shown]
        return Evidence(
            episode_id=self.recording.name,
            task=task,
            started_ns=started_ns,
            now_ns=max(frame.stamp_ns for frame in frames[-1]),
            keyframes={
                column[0].camera: tuple(Keyframe(frame, FrameRole.SPREAD) for frame in column)
                for column in zip(*frames, strict=True)
            },
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge examples distil`."""
    parser.add_argument("better", type=Path, metavar="BETTER_BAG", help="a recorded episode")
    parser.add_argument("worse", type=Path, metavar="WORSE_BAG", help="one of the same task that went worse")
    parser.add_argument("--judge", default=METHOD, metavar="NAME", help="how to ask (default: %(default)s)")
    parser.add_argument(
        "--model", default="", metavar="NAME", help="name or folder of the model, or name on its server"
    )
    parser.add_argument("--server", default="", metavar="NAME", help="known kind of server, or file that describes one")
    parser.add_argument("--prompts", default="", metavar="NAME", help="name or file of the prompt (default: usual)")
    parser.add_argument(
        "--providers", default="cpu", metavar="NAMES", help="what runs a model on board (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads on the CPU (default: %(default)s)")
    parser.add_argument("--record", default="", metavar="FILE", help="write the exchanges with a server to this file")
    parser.add_argument("--replay", default="", metavar="FILE", help="take the answers from such a file")
    parser.add_argument(
        "--samples", type=int, default=8, metavar="N", help="curves of each episode (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is random (default: %(default)s)")
    parser.add_argument(
        "--temperature", type=float, default=0.7, metavar="T", help="of the sampling, above 0 (default: %(default)s)"
    )
    parser.add_argument(
        "--frames", type=int, default=8, metavar="N", help="images of each camera and episode (default: %(default)s)"
    )
    parser.add_argument(
        "--by",
        choices=[measure.value for measure in Measure],
        default=Measure.FINAL.value,
        help="what of a curve orders the episodes (default: %(default)s)",
    )
    parser.add_argument(
        "--margin", type=float, default=0.1, metavar="X", help="least difference, 0 to 1 (default: %(default)s)"
    )
    parser.add_argument("--task", default="", metavar="TEXT", help="the instruction (default: the one in the bags)")
    parser.add_argument("--mode", default="", metavar="MODE", help="how the worse one failed (default: what it says)")
    parser.add_argument("--note", default="", metavar="TEXT", help="what is to be seen in the worse one")
    parser.add_argument(
        "--camera", action="append", default=[], metavar="NAME=TOPIC", help="a camera (default: all topics with images)"
    )


def distil_pair(bank: ExampleBank, arguments: argparse.Namespace) -> int:
    """Draw curves, and add the worse episode with one of them; 1 where none agrees with the person.

    Raises:
        JudgeError: a bag, an argument or the model cannot be used.
    """
    if arguments.samples < 1 or arguments.frames < 2:
        raise JudgeError("A curve needs at least 1 sample of 2 frames; give --samples and --frames more.")
    if not 0.0 < arguments.temperature <= 2.0:
        raise JudgeError(
            f"With a temperature of {arguments.temperature:g} nothing is drawn; give up to 2, such as 0.7."
        )
    measure = Measure(arguments.by)
    # Says at once what would be known only after many answers otherwise.
    distil([], measure, arguments.margin)
    better, worse = (_read(path, arguments) for path in (arguments.better, arguments.worse))
    task = _one_task(better.recording, worse.recording)
    mode = _mode(arguments.mode, worse.recording)
    judge = _judge(arguments, better)
    print(f"Drawing {arguments.samples} curves of each episode; that is {2 * arguments.samples} answers or more.")
    curves = [judge.curves(episode.evidence(task), arguments.temperature) for episode in (better, worse)]
    draws = [Draw(_rewards(one), _rewards(other)) for one, other in zip(*curves, strict=True)]
    result = distil(draws, measure, arguments.margin)
    print(
        f"Of {len(draws)} draws {result.right} put {better.recording.name} above {worse.recording.name}; dropped: "
        f"{result.wrong} that do not, {result.unreadable} that cannot be read."
    )
    if result.kept is None or result.kept.better is None or result.kept.worse is None:
        print("No draw agrees with you, so nothing was added; try another model, or more samples.")
        return 1
    made_by = (
        f"{judge.provenance.method} of {judge.provenance.model}, {result.right} of {len(draws)} draws right, "
        f"temperature {arguments.temperature:g}, seeds {arguments.seed} and {result.kept.worse.seed}"
    )
    new = NewExample(
        task=task,
        failure_mode=mode,
        text=arguments.note,
        frames=[
            NewFrame(shot.camera, shot.time_s, shot.jpeg, reward)
            for shots, reward in zip(worse.shown, result.kept.worse.rewards, strict=True)
            for shot in shots
        ],
        origin=f"{worse.recording.name}, below {better.recording.name}",
        made_by=made_by,
    )
    example = bank.add(new, time.time_ns())
    print(f"Added {example.id} to {bank.folder}.")
    return 0


def _read(path: Path, arguments: argparse.Namespace) -> _Episode:
    with Bag(path) as bag:
        recording = Recording.read(bag, arguments.task, cameras_named(arguments.camera))
        wanted_s = moments(recording, 0.0, recording.duration_s, arguments.frames)
        return _Episode(recording, stills(bag, recording, wanted_s))


def _one_task(better: Recording, worse: Recording) -> str:
    if better.task != worse.task:
        raise JudgeError(
            f'The bags have the tasks "{better.task}" and "{worse.task}", and only episodes of one task compare; name '
            "others, or give the task with --task."
        )
    if better.topics.cameras != worse.topics.cameras:
        raise JudgeError(f"{better.name} and {worse.name} have other cameras; name those of both with --camera.")
    return better.task


def _mode(name: str, worse: Recording) -> FailureMode:
    mode = mode_named(name or (worse.truth.failure_mode if worse.truth is not None else FailureMode.UNKNOWN.name))
    if mode is FailureMode.NONE:
        raise JudgeError(
            f"{worse.name} is said to have succeeded, and its curve would be kept as one of a failure; give --mode."
        )
    return mode


def _judge(arguments: argparse.Namespace, episode: _Episode) -> DrawsCurves:
    options = JudgeOptions(
        model=arguments.model,
        intra_op_threads=arguments.threads,
        cameras=tuple(camera.camera for camera in episode.recording.topics.cameras),
        images_per_camera=arguments.frames,
        providers=tuple(arguments.providers.split(",")),
        prompts=arguments.prompts,
        server=arguments.server,
        record=arguments.record,
        replay=arguments.replay,
        seed=arguments.seed,
        samples=arguments.samples,
    )
    judge = resolve(arguments.judge)(options)
    if not isinstance(judge, DrawsCurves):
        raise JudgeError(f"The judge {arguments.judge} draws no curves; use --judge {METHOD}.")
    return judge


def _rewards(curve: Curve | Unparsable) -> RewardCurve | None:
    return RewardCurve(curve.seed, curve.progress) if isinstance(curve, Curve) else None


def _frame(shot: Shot, started_ns: int) -> Frame:
    image = CompressedImage(shot.jpeg)
    return Frame(shot.camera, started_ns + round(shot.time_s * 1e9), image, image.thumbnail)
