"""`vlm-judge fit`: from a few successful episodes to a judge that knows nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.reference_file import header_of, read_references, write_references
from vlm_judge_ros.judges.reference_fit import MOST_REFERENCES, LeftOut, fit
from vlm_judge_ros.judges.reference_watch import Watched
from vlm_judge_ros.models.appearance.encoder import GRIDS, open_encoder
from vlm_judge_ros.replay.labels.correlation import spearman
from vlm_judge_ros.replay.labels.labels import read_labels
from vlm_judge_ros.replay.labels.people import PeopleSay, people_say
from vlm_judge_ros.replay.moments import encode_episode
from vlm_judge_ros.replay.sources.find import find_episodes
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode
from vlm_judge_ros.replay.sources.source_arguments import add_source_arguments, find_options

_CLAIMED = 0.8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge fit`."""
    add_source_arguments(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="where to write it, a name in .npz")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="what people say, as `vlm-judge label` writes it; only what they call a success is taken",
    )
    parser.add_argument(
        "--encoder",
        default=GRIDS,
        metavar="NAME",
        help="what looks at the pictures: grids, embedded, a file in .onnx, or the folder of a vision-language model "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--first", type=int, default=MOST_REFERENCES, metavar="N", help="take no more than the first N successes"
    )
    parser.add_argument(
        "--one-task", action="store_true", help="episodes with different instructions show the same task all the same"
    )


def run(arguments: argparse.Namespace) -> int:
    """Fit a judge to what was recorded, write it, and say what it can promise.

    Raises:
        JudgeError: nothing can be fitted as it was asked for.
    """
    if arguments.out.suffix != ".npz":
        raise JudgeError(f"{arguments.out} does not end in .npz; give a name that does.")
    if not 1 <= arguments.first <= MOST_REFERENCES:
        raise JudgeError(f"--first is {arguments.first}; give 1 to {MOST_REFERENCES}.")
    encoder = open_encoder(arguments.encoder)
    found = find_episodes(arguments.paths, find_options(arguments))
    for unreadable in found.unreadable:
        print(f"vlm-judge: left out {unreadable.origin}: {unreadable.reason}", file=sys.stderr)
    said = people_say(read_labels(arguments.labels)) if arguments.labels is not None else {}
    chosen = _successes(found.episodes, said)[: arguments.first]
    tasks = _tasks(chosen, arguments.one_task)
    cameras = _cameras(chosen)
    fitted = fit([encode_episode(episode, cameras, encoder) for episode in chosen])
    promise = promises(fitted.left_out, len(chosen))
    names = tuple(episode.description.name for episode in chosen)
    header = header_of(fitted, tasks, cameras, (encoder.name, encoder.file_hash), names, promise)
    write_references(arguments.out, header, fitted)
    content_hash = read_references(arguments.out).content_hash
    print(f"Fitted to {len(chosen)} of {len(found.episodes)} episodes, cameras {', '.join(cameras)}: {arguments.out}")
    print(f"Its hash, as verdicts name it: {content_hash}")
    for sentence in promise:
        print(sentence)
    print(f"Judge with it: vlm-judge score PATH --out DIR --judge reference --set model={arguments.out}")
    return 0


def promises(left_out: Sequence[LeftOut], references: int) -> tuple[str, ...]:
    """What was found by leaving one reference out after the other, in sentences."""
    errors = [abs(look.progress - share) for one in left_out for look, share in _pairs(one)]
    orders = [order_in_time([look.progress for look, _ in _pairs(one)]) for one in left_out]
    how = "Each reference judged by the others" if references > 1 else "Every second moment judged by the others"
    figures = (
        f"{how}: progress is off by {np.mean(errors):.3f} on average, and rises with time at a rank correlation of "
        f"{np.mean(orders):.3f} (n = {len(left_out)})."
    )
    if references == 1:
        return (
            figures,
            "One reference cannot show how much successes differ: its scales are guesses, and no rate of false stops "
            "can be promised; name more.",
        )
    share = 1.0 / (references + 1)
    return (
        figures,
        f"With {references} references, a new success like them goes beyond the farthest of them with a probability "
        f"of up to {share:.2f}; less cannot be promised. The limits lie farther out by a margin, which is a guess.",
    )


def order_in_time(values: Sequence[float]) -> float:
    """Rank correlation of values with time; 0 where they do not change."""
    if len(values) < 2:
        return 0.0
    correlation = spearman(np.arange(len(values), dtype=np.float64), np.array(values))(np.ones((1, len(values))))
    return float(np.nan_to_num(correlation[0]))


def _pairs(one: LeftOut) -> list[tuple[Watched, float]]:
    """Looks and truth until it was done."""
    until = one.done.index(True) + 1 if True in one.done else len(one.done)
    return list(zip(one.looks[:until], one.truth[:until], strict=True))


def _successes(episodes: Sequence[RecordedEpisode], said: Mapping[str, PeopleSay]) -> list[RecordedEpisode]:
    known = {episode.description.key: _succeeded(episode, said) for episode in episodes}
    if episodes and all(success is None for success in known.values()):
        print("Nothing says how these episodes went, so all of them are taken for successes.", file=sys.stderr)
        return list(episodes)
    chosen = [episode for episode in episodes if known[episode.description.key]]
    if not chosen:
        raise JudgeError(f"None of {len(episodes)} episodes is a success; name successful ones, or label them.")
    return chosen


def _succeeded(episode: RecordedEpisode, said: Mapping[str, PeopleSay]) -> bool | None:
    people = said.get(episode.description.key)
    if people is not None and people.success is not None:
        return people.success
    truth = episode.description.truth
    return None if truth is None else truth.outcome == "success"


def _tasks(episodes: Sequence[RecordedEpisode], one_task: bool) -> tuple[str, ...]:
    """The wordings; refused where they may be of several tasks."""
    truths = [episode.description.truth for episode in episodes]
    wordings = tuple(dict.fromkeys(episode.description.task for episode in episodes))
    if not all(wordings):
        raise JudgeError("An episode has no instruction; give one with --task.")
    named = {truth.task for truth in truths if truth is not None and truth.task}
    same = len(wordings) == 1 or (len(named) == 1 and all(truth is not None and truth.task for truth in truths))
    if not same and not one_task:
        listed = ", ".join(f'"{wording}"' for wording in wordings[:4])
        raise JudgeError(
            f"The episodes have different instructions ({listed}); fit each task by itself, or say --one-task where "
            "these are wordings of one."
        )
    return wordings


def _cameras(episodes: Sequence[RecordedEpisode]) -> tuple[str, ...]:
    """The cameras that all have."""
    first = episodes[0].description.cameras
    shared = tuple(name for name in first if all(name in episode.description.cameras for episode in episodes))
    if not shared:
        raise JudgeError("The episodes have no camera in common; name their cameras alike with --camera.")
    return shared
