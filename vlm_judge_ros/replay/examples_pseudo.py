"""`vlm-judge examples add-pseudo`: judged episodes as examples, with labels that judges and no people gave them."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pydantic

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.example import MOST_FRAMES
from vlm_judge_ros.judges.example_bank import MOST_EXAMPLES, ExampleBank, NewExample, NewFrame
from vlm_judge_ros.judges.example_store import KnownExample
from vlm_judge_ros.judges.named_file import first_fault
from vlm_judge_ros.replay.number_arguments import share, whole_number
from vlm_judge_ros.replay.outputs.episode_file import EPISODE, ScoredEpisode, read_episode
from vlm_judge_ros.replay.outputs.pseudo_labels import PseudoLabel
from vlm_judge_ros.replay.trace import Shot

# An example of a failure shows what was to be done, and then little else than the failure.
_BEFORE_ONSET_S = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge examples add-pseudo`."""
    parser.add_argument("labels", type=Path, metavar="LABELS", help="what `vlm-judge pseudo-label` wrote")
    parser.add_argument("results", type=Path, metavar="DIR", help="results of `vlm-judge score` with these episodes")
    parser.add_argument(
        "--confidence",
        type=share,
        default=0.9,
        metavar="P",
        help="leave out labels with less than this (default: %(default)s)",
    )
    parser.add_argument(
        "--most",
        type=whole_number(1, MOST_EXAMPLES),
        default=3,
        metavar="N",
        help="of each task and failure mode, the most confident ones (default: %(default)s)",
    )
    parser.add_argument(
        "--frames",
        type=whole_number(1, MOST_FRAMES),
        default=6,
        metavar="N",
        help="images of each camera (default: %(default)s)",
    )


def add_labelled(bank: ExampleBank, arguments: argparse.Namespace) -> int:
    """Add the most confident episodes; those that are in the bank already are passed over.

    Raises:
        JudgeError: the labels or an episode cannot be read, they do not belong together, or the bank cannot be written.
    """
    labels = read_pseudo_labels(arguments.labels)
    chosen = most_confident(labels, arguments.confidence, arguments.most)
    added = known = 0
    for label in chosen:
        try:
            bank.add(_example(label, _judged(arguments.results, label), arguments.frames), time.time_ns())
            added += 1
        except KnownExample:
            known += 1
    there = f", {known} there already" if known else ""
    print(f"{added} added to {bank.folder}{there}, {len(labels) - len(chosen)} of {len(labels)} labels left out.")
    return 0 if chosen else 1


def read_pseudo_labels(path: Path) -> tuple[PseudoLabel, ...]:
    """Read what `vlm-judge pseudo-label` wrote.

    Raises:
        JudgeError: it cannot be read, or a line is no such label.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise JudgeError(f"The labels {path} cannot be read ({reason}); check the path.") from error
    labels = []
    for number, line in enumerate(lines, start=1):
        try:
            labels.append(PseudoLabel.model_validate_json(line))
        except pydantic.ValidationError as error:
            raise JudgeError(
                f"Line {number} of {path} is no label of `vlm-judge pseudo-label` ({first_fault(error)}); make the "
                "file again."
            ) from error
    return tuple(labels)


def most_confident(labels: Sequence[PseudoLabel], confidence: float, most: int) -> tuple[PseudoLabel, ...]:
    """At most so many labels of each task and failure mode, the most confident first; then the key decides."""
    taken: Counter[tuple[str, str]] = Counter()
    chosen = []
    for label in sorted(labels, key=lambda label: (-label.confidence, -label.agreement, label.episode)):
        kind = label.task, label.failure_mode
        if label.confidence >= confidence and taken[kind] < most:
            taken[kind] += 1
            chosen.append(label)
    return tuple(chosen)


def _judged(results: Path, label: PseudoLabel) -> ScoredEpisode:
    # A name alone: a label that was tampered with leads nowhere else.
    folder = results / Path(label.episode).name
    if not (folder / EPISODE).is_file():
        raise JudgeError(f"{results} has no episode {label.episode}; name the results from which the labels were made.")
    scored = read_episode(folder)
    if (scored.origin, scored.trace.task) != (label.origin, label.task):
        raise JudgeError(
            f"The episode {label.episode} in {results} is another one ({scored.origin}: {scored.trace.task}) than the "
            f"labelled one ({label.origin}: {label.task}); name the results from which the labels were made."
        )
    return scored


def _example(label: PseudoLabel, scored: ScoredEpisode, count: int) -> NewExample:
    trace = scored.trace
    begin_s = 0.0 if label.onset_s is None else max(0.0, label.onset_s - _BEFORE_ONSET_S)
    count = max(1, min(count, MOST_FRAMES // max(1, len(trace.cameras))))
    wanted_s = np.linspace(trace.duration_s, begin_s, count)  # one alone shows the end
    shots = [shot for camera in trace.cameras for shot in _nearest(trace.shots, camera, wanted_s)]
    if not shots:
        raise JudgeError(f"The episode {label.episode} has no pictures; score it again.")
    return NewExample(
        task=label.task,
        failure_mode=FailureMode[label.failure_mode],
        frames=[NewFrame(shot.camera, shot.time_s, shot.jpeg) for shot in shots],
        origin=f"{trace.name}, {begin_s:.1f} s to {trace.duration_s:.1f} s",
        made_by=(
            f"pseudo-label, judged and seen by no person: confidence {label.confidence:.3f}, agreement "
            f"{label.agreement:.2f} of {label.samples} samples"
        ),
    )


def _nearest(shots: Sequence[Shot], camera: str, wanted_s: Iterable[float]) -> list[Shot]:
    """The picture of a camera that is nearest to each moment, each picture once."""
    own = [shot for shot in shots if shot.camera == camera]
    found = {min(range(len(own)), key=lambda index: abs(own[index].time_s - moment_s)) for moment_s in wanted_s if own}
    return [own[index] for index in sorted(found)]
