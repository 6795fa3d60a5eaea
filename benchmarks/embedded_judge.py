"""What the embedded judge is worth, on simulated episodes from seeds that it was never trained on.

    MUJOCO_GL=egl python benchmarks/embedded_judge.py --episodes 120
    MUJOCO_GL=egl python benchmarks/embedded_judge.py --sets trained left_out_kinds left_out_tasks camera light texture

Each episode is simulated, and fed at its own stamps to the engine that the live node runs: pictures as JPEG at
10 Hz, of which it looks at as many live, one action chunk a second, four questions to the judge in each, as the node
asks by default. Each is also shown frozen, reversed and under the instruction of another task. The figures are those of
a judge card, by set of episodes; `--card` writes the card of the first set, as it is shipped beside the model.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.judges.card import CardFigure, JudgeCard, QualifiedJudge
from vlm_judge_ros.judges.embedded import EmbeddedJudge
from vlm_judge_ros.models.two_view import EMBEDDED_FOLDER, TwoViewModel
from vlm_judge_ros.parameters.judge_node import DEFAULT_CAMERAS, parameters_for
from vlm_judge_ros.parameters.settings import engine_settings
from vlm_judge_ros.qualify.carding import judge_card
from vlm_judge_ros.qualify.figures import figures
from vlm_judge_ros.qualify.kept import Kept
from vlm_judge_ros.qualify.qualified_episode import Control, QualifiedEpisode
from vlm_judge_ros.qualify.thresholds import DEFAULT, load_thresholds
from vlm_judge_ros.replay.outputs.whole_file import write_whole
from vlm_judge_ros.replay.scoring.remembered import Remembered
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription
from vlm_judge_ros.replay.trace import Curve, EpisodeTrace
from vlm_judge_ros.simulation.camera import Variation
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.episode import EpisodeImpossible, EpisodeSpec, SimulatedEpisode, simulate_episode
from vlm_judge_ros.simulation.tasks import LEFT_OUT_TASKS, TASKS
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.progress_update import ProgressUpdate

HELD_OUT_SEED = 650_000
_PARAMETERS = {name: parameter.default for name, parameter in parameters_for(DEFAULT_CAMERAS).items()}
FRAME_STEPS = 1
FRAME_S = 0.1
CHUNK_FRAMES = 10
FROZEN_S = 12.0
JPEG_QUALITY = 85
_MODEL = [EMBEDDED_FOLDER]
START_NS = 10**9

# What the model has to reach: figure, whether it may not be lower or not be higher, and by which sets.
TARGETS: tuple[tuple[str, str, float, tuple[str, ...]], ...] = (
    ("voc", ">=", 0.97, ("trained", "camera", "light", "texture")),
    ("voc_static", "<=", 0.1, ("trained", "camera", "light", "texture")),
    ("voc_reversed", "<=", 0.0, ("trained", "camera", "light", "texture")),
    ("mae", "<=", 0.05, ("trained", "camera", "light", "texture")),
    ("success_auroc", ">=", 0.995, ("trained", "camera", "light", "texture")),
    ("found_within_2_s", ">=", 0.95, ("trained", "camera", "light", "texture")),
    ("false_stops_per_success", "<=", 0.01, ("trained", "camera", "light", "texture")),
    ("failure_mode_accuracy", ">=", 0.9, ("trained", "camera", "light", "texture")),
    ("wrong_task_lower", ">=", 0.95, ("trained", "camera", "light", "texture")),
    ("failure_recall", ">=", 0.8, ("left_out_kinds",)),
    ("unknown_when_wrong", ">=", 0.8, ("left_out_tasks",)),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """One episode to judge, and which set it belongs to."""

    group: str
    task: str
    disturbance: Disturbance
    seed: int
    variation: Variation = Variation.USUAL
    held_out_wording: bool = False


def prepare_process(changes: Mapping[str, object], folder: Path) -> None:
    """Set up a process that judges: one thread, these parameters beside the defaults, this model."""
    cv2.setNumThreads(1)
    _PARAMETERS.update(changes)
    _MODEL[0] = folder


def parameter(text: str) -> tuple[str, object]:
    """Read NAME=VALUE for a parameter of the judge node."""
    name, _, value = text.partition("=")
    if not isinstance(_PARAMETERS.get(name), int | float | str) or isinstance(_PARAMETERS[name], bool):
        raise argparse.ArgumentTypeError(f'the judge node has no number or word "{name}"')
    try:
        return name, type(_PARAMETERS[name])(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{value} is no value for {name}") from error


@lru_cache(maxsize=1)
def embedded_judge() -> EmbeddedJudge:
    """The judge, one per process."""
    return EmbeddedJudge(_MODEL[0])


def trained_tasks() -> list[str]:
    """The tasks that the model was trained on, in the order of their names."""
    return sorted(task for task in TwoViewModel(_MODEL[0]).description.instructions if task in TASKS)


def encoded_pictures(episode: SimulatedEpisode) -> dict[str, list[bytes]]:
    """The pictures of each camera as JPEG files."""

    def encode(picture: NDArray[np.uint8]) -> bytes:
        parameters = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        return bytes(cv2.imencode(".jpg", picture[:, :, ::-1], parameters)[1].tobytes())

    return {camera: [encode(picture) for picture in frames] for camera, frames in episode.frames.items()}


def announce_chunk(engine: Engine, index: int, now_ns: int) -> None:
    """Announce the chunk of a second that begins with a frame; nothing where none does."""
    if index % CHUNK_FRAMES == 0:
        engine.add_chunk(Chunk(index // CHUNK_FRAMES + 1, now_ns, CHUNK_FRAMES, FRAME_S))


def _trace(
    key: str, episode: SimulatedEpisode, task: str, pictures: dict[str, list[bytes]], order: Sequence[int]
) -> EpisodeTrace:
    """Feed the pictures and joint states of the given frames, in that order, `FRAME_S` apart."""
    stamps = [START_NS + round(index * FRAME_S * 1e9) for index in range(len(order))]
    remembered = Remembered(EpisodeDescription(key, key, task, "simulated", tuple(pictures), START_NS, stamps[-1]))
    engine = Engine(engine_settings(_PARAMETERS))
    engine.start_episode("one", task, START_NS)
    for index, (now_ns, shown) in enumerate(zip(stamps, order, strict=True)):
        announce_chunk(engine, index, now_ns)
        positions = tuple(episode.joint_positions[episode.frame_indices[shown]])
        engine.add_joint_state(JointSample(now_ns, episode.joint_names, positions))
        for camera, frames in pictures.items():
            image = CompressedImage(frames[shown], "jpeg")
            engine.add_frame(Frame(camera, now_ns, image, image.thumbnail), now_ns)
        request = engine.due(now_ns)
        # The last frame of an episode is asked about even where it ends no chunk.
        last = index == len(order) - 1
        evidence = request.evidence if request else engine.evidence(now_ns) if last else None
        if evidence is not None:
            asked_s = time.perf_counter()
            opinion = embedded_judge().ask(evidence)
            remembered.progress(ProgressUpdate(opinion, math.nan, time.perf_counter() - asked_s))
            engine.add_opinion(opinion, now_ns)
        remembered.verdict(engine.verdict, now_ns)
    return remembered.trace()


def judged(subject: Subject) -> QualifiedEpisode | None:
    """Simulate and judge one episode; None where the simulator cannot make it."""
    spec = EpisodeSpec(
        subject.task,
        subject.seed,
        subject.disturbance,
        frame_steps=FRAME_STEPS,
        variation=subject.variation,
        held_out_wording=subject.held_out_wording,
    )
    try:
        episode = simulate_episode(spec)
    except EpisodeImpossible:
        return None
    random = np.random.default_rng(subject.seed)
    pictures = encoded_pictures(episode)
    shown = list(range(len(episode.frame_indices)))
    key, instruction = f"{subject.group}/{subject.task}_{subject.disturbance.value}_{subject.seed}", episode.instruction
    others = [name for name in trained_tasks() if name != subject.task]
    wrong = str(random.choice(TASKS[str(random.choice(others))].instructions))
    moment = int(random.integers(len(shown)))
    complete = np.flatnonzero(episode.success)
    frames = [int(index) for index in episode.frame_indices]
    return QualifiedEpisode(
        key=key,
        task=subject.task,
        trace=_trace(key, episode, instruction, pictures, shown),
        score=float(episode.progress[-1]),
        success=bool(episode.success[-1]),
        failure_mode=episode.mode,
        onset_s=episode.onset_s,
        completed_s=float(episode.stamps_s[complete[0]]) if len(complete) else None,
        true_progress=Curve(
            tuple(index * FRAME_S for index in shown), tuple(float(episode.progress[frame]) for frame in frames)
        ),
        controls={
            Control.STATIC: _trace(key, episode, instruction, pictures, [moment] * round(FROZEN_S / FRAME_S)).answers,
            Control.REVERSED: _trace(key, episode, instruction, pictures, shown[::-1]).answers,
            Control.WRONG_TASK: _trace(key, episode, wrong, pictures, shown).answers,
        },
    )


def plan(
    count: int, first_seed: int, tasks: Sequence[str] | None = None, trained: bool = True
) -> list[tuple[str, Disturbance, int]]:
    """Return the tasks in turn, one episode of each to fail and one to succeed, each kind in turn.

    Args:
        count: how many episodes.
        first_seed: seed of the first; the next ones count on.
        tasks: names; None: those that the model was trained on.
        trained: True for the kinds of disturbance that are trained on; False for failures of the other kinds.
    """
    names = trained_tasks() if tasks is None else list(tasks)
    plans = []
    for index in range(count):
        turn, benign = divmod(index, 2) if trained else (index, 0)
        task = names[turn % len(names)]
        possible = (kind for kind in TASKS[task].disturbances if kind.is_trained == trained)
        kinds = sorted((kind for kind in possible if kind.is_benign == bool(benign)), key=lambda kind: kind.value)
        # One on with each task: every stretch of episodes holds all kinds.
        kind = kinds[(turn + turn // len(names)) % len(kinds)]
        plans.append((task, kind, first_seed + index))
    return plans


def subjects(group: str, count: int, first_seed: int) -> list[Subject]:
    """The episodes of one set. Sets with a variation differ from `trained` in that alone, seed by seed."""
    if group == "left_out_kinds":
        plans = plan(count, first_seed + 10_000, trained=False)
    elif group == "left_out_tasks":
        plans = plan(count, first_seed + 20_000, tasks=LEFT_OUT_TASKS)
    else:
        plans = plan(count, first_seed)
    variation = Variation(group) if group in ("camera", "light", "texture") else Variation.USUAL
    return [
        Subject(group, task, kind, seed, variation, held_out_wording=group == "wordings") for task, kind, seed in plans
    ]


GROUPS = ("trained", "left_out_kinds", "left_out_tasks", "camera", "light", "texture", "wordings")


def card_of(name: str, episodes: Sequence[QualifiedEpisode]) -> JudgeCard:
    """The card that tells what the judge was worth on these episodes."""
    shown = {
        Control.STATIC: f"One picture of each camera, drawn at random, for {FROZEN_S:g} s.",
        Control.REVERSED: "The pictures in reverse order, at the stamps of the episode.",
        Control.WRONG_TASK: "The episode under an instruction of another task, drawn at random.",
    }
    provenance = embedded_judge().provenance
    kept = Kept(
        tuple(sorted(episodes, key=lambda episode: episode.key)),
        (),
        QualifiedJudge.of(provenance),
        provenance.provider,
        {control.value: text for control, text in shown.items()},
    )
    return judge_card(kept, name, load_thresholds(DEFAULT))


def misses(cards: Mapping[str, Mapping[str, CardFigure]]) -> list[str]:
    """What falls short of its target, in words."""
    found = []
    for name, sign, limit, groups in TARGETS:
        for group in groups:
            figure = cards[group][name] if group in cards else None
            if figure is None:
                continue
            value = figure.value
            # Static frames may be ordered either way: the size counts.
            size = abs(value) if value is not None and name == "voc_static" else value
            if size is None or (size < limit if sign == ">=" else size > limit):
                found.append(f"{group}: {name} is {'unknown' if value is None else f'{value:.3f}'}, not {sign} {limit}")
    return found


def main() -> int:
    """Simulate, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=120, help="of each set (default: 120)")
    parser.add_argument("--first-seed", type=int, default=HELD_OUT_SEED)
    parser.add_argument("--sets", nargs="+", choices=GROUPS, default=["trained"], help="sets (default: trained)")
    parser.add_argument("--model", type=Path, default=EMBEDDED_FOLDER, help="its folder (default: the shipped one)")
    parser.add_argument(
        "--parameter",
        type=parameter,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the judge node that differs from its default, such as judge_failure_hold_s=0.8",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="print one object with every figure")
    parser.add_argument("--card", type=Path, help="file for the judge card of the first set")
    arguments = parser.parse_args()

    prepared = (dict(arguments.parameter), arguments.model)
    prepare_process(*prepared)
    planned = [each for group in arguments.sets for each in subjects(group, arguments.episodes, arguments.first_seed)]
    episodes: dict[str, list[QualifiedEpisode]] = {group: [] for group in arguments.sets}
    with ProcessPoolExecutor(arguments.jobs, initializer=prepare_process, initargs=prepared) as pool:
        for done, (subject, result) in enumerate(zip(planned, pool.map(judged, planned), strict=True), start=1):
            episodes[subject.group].extend([result] if result is not None else [])
            print(f"\r{done} of {len(planned)} episodes judged", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if arguments.card is not None:
        card = card_of(f"{TwoViewModel(arguments.model).description.name}-simulated", episodes[arguments.sets[0]])
        write_whole(arguments.card, card.model_dump_json(indent=1) + "\n")
    cards = {group: figures(those) for group, those in episodes.items()}
    short = misses(cards)
    if arguments.json:
        told = {g: {name: figure.model_dump() for name, figure in card.items()} for g, card in cards.items()}
        print(json.dumps({"figures": told, "short_of_target": short}))
        return 0
    for group, card in cards.items():
        print(f"{group} ({len(episodes[group])} episodes)")
        print(f"  {'figure':30} {'value':>8} {'95 % interval':>19} {'n':>5}")
        for name, figure in card.items():
            numbers = [figure.value, figure.low, figure.high]
            value, low, high = ("-" if number is None else f"{number:.3f}" for number in numbers)
            print(f"  {name:30} {value:>8} {low:>9} {high:>9} {figure.n:5d}")
    for line in short:
        print(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
