"""`vlm-judge pseudo-label`: labels for training, from several scorings of the same episodes."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.number_arguments import share
from vlm_judge_ros.replay.outputs.episode_file import read_episode
from vlm_judge_ros.replay.outputs.pseudo_labels import REASONS, Limits, PseudoLabel, Sample, sample_of, vote
from vlm_judge_ros.replay.outputs.whole_file import write_whole
from vlm_judge_ros.replay.scoring.result_folder import RUN, finished_episodes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge pseudo-label`."""
    usual = Limits()
    parser.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="results of vlm-judge score, each with another judge or another seed",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the labels: a JSON object a line")
    parser.add_argument(
        "--samples", type=int, default=usual.samples, metavar="N", help="at least so many (default: %(default)s)"
    )
    parser.add_argument(
        "--agreement",
        type=share,
        default=usual.agreement,
        metavar="SHARE",
        help="share of the samples that say the same, at least; always more than half (default: %(default)s)",
    )
    parser.add_argument(
        "--confidence",
        type=share,
        default=usual.confidence,
        metavar="P",
        help="mean probability that these give to what they say, at least (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the counts for programs")


def run(arguments: argparse.Namespace) -> int:
    """Write the labels and tell how many episodes were kept and dropped.

    Raises:
        JudgeError: a folder holds no results, two were made alike, or the labels cannot be written.
    """
    _refuse_twins(arguments.folders)
    limits = Limits(arguments.samples, arguments.agreement, arguments.confidence)
    said: dict[tuple[str, str, str], list[Sample]] = {}
    for folder in arguments.folders:
        for path in finished_episodes(folder):
            scored = read_episode(path, pictures=False)
            said.setdefault((scored.key, scored.origin, scored.trace.task), []).append(sample_of(scored.trace))
    labels: list[PseudoLabel] = []
    dropped: Counter[str] = Counter()
    for (key, origin, task), samples in sorted(said.items()):
        label = vote(samples, limits, key, origin, task)
        if isinstance(label, PseudoLabel):
            labels.append(label)
        else:
            dropped[label] += 1
    write_whole(arguments.out, "".join(f"{label.model_dump_json()}\n" for label in labels))
    counts = {reason: dropped[reason] for reason in REASONS}
    if arguments.json:
        print(json.dumps({"kept": len(labels), "dropped": counts}, indent=1))
    else:
        why = ", ".join(f"{count} for {reason}" for reason, count in counts.items() if count)
        print(f"{len(labels)} kept, {dropped.total()} dropped{f' ({why})' if why else ''}; see {arguments.out}")
    return 0


def _refuse_twins(folders: Sequence[Path]) -> None:
    """Return where each run was made with other parameters: a judge that is asked the same twice agrees with itself."""
    made: dict[str, Path] = {}
    for folder in folders:
        try:
            told = json.loads((folder / RUN).read_text(encoding="utf-8"))
            parameters = json.dumps(told["parameters"], sort_keys=True)
        except OSError as error:
            raise JudgeError(f"{folder} holds no results of vlm-judge score (it has no {RUN}); check it.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise JudgeError(f"{folder / RUN} is damaged; score the episodes again.") from error
        other = made.setdefault(parameters, folder)
        if other is not folder:
            raise JudgeError(
                f"The results in {other} and {folder} were made with the same parameters, and would only repeat each "
                "other; score one of them with another judge, or with --set seed=N."
            )
