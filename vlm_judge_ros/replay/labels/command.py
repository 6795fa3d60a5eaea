"""`vlm-judge label`: a page on this machine on which a person says how recorded episodes went."""

from __future__ import annotations

import argparse
import getpass
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.labels.answers import Answers, Verdicts
from vlm_judge_ros.replay.labels.label import LONGEST_RATER
from vlm_judge_ros.replay.labels.labels import LabelFile
from vlm_judge_ros.replay.labels.server import LabelServer
from vlm_judge_ros.replay.labels.sitting import Sitting
from vlm_judge_ros.replay.number_arguments import whole_number
from vlm_judge_ros.replay.outputs.episode_file import EPISODE, read_episode
from vlm_judge_ros.replay.sources.find import find_episodes
from vlm_judge_ros.replay.sources.source_arguments import add_source_arguments, find_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge label`."""
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="CSV file of the labels; it is made, or gone on with"
    )
    parser.add_argument("--rater", metavar="NAME", help="who labels (default: the name of this account)")
    parser.add_argument("--pairs", action="store_true", help="compare two episodes of one task instead")
    add_source_arguments(parser)
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="results of `vlm-judge score`; the page shows a verdict only when asked to, and notes that it did",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the order of the episodes (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=whole_number(0, 65535), default=0, metavar="N", help="of the page (default: one that is free)"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser of this desktop")


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C.

    Raises:
        JudgeError: there is nothing to label, or the file of labels cannot be used.
    """
    rater = " ".join((arguments.rater if arguments.rater is not None else _account()).split())
    if not rater or len(rater) > LONGEST_RATER or not rater.isprintable():
        raise JudgeError(f"The rater {rater!r} is no name of 1 to {LONGEST_RATER} characters; give one with --rater.")
    options = find_options(arguments)
    verdicts = _verdicts(arguments.results) if arguments.results is not None else None
    found = find_episodes(arguments.paths, options)
    for unreadable in found.unreadable:
        print(f"left out: {unreadable.origin}: {unreadable.reason}", file=sys.stderr)
    sitting = Sitting(found.episodes, LabelFile(arguments.out), rater, arguments.pairs, arguments.seed)
    answers = Answers(sitting, verdicts)
    server = LabelServer(answers, arguments.port)
    done = sum(said is not None for said in sitting.said())
    print(f"{len(sitting.items)} to label, {done} of them done by {rater}; labels go to {arguments.out}")
    print(f"Open {server.address}", flush=True)
    print(
        "Only this machine can; keep the address to yourself. Ctrl-C ends it, every label is saved at once.", flush=True
    )
    if arguments.open:
        threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        said = sitting.said()
        print(f"{sum(each is not None for each in said)} of {len(said)} done; the same command goes on from here")
    finally:
        server.server_close()
        answers.close()
    return 0


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may know no name of its user
        return ""


def _verdicts(folder: Path) -> Verdicts:
    if not folder.is_dir():
        raise JudgeError(f"There are no results at {folder}; name the folder that `vlm-judge score` wrote.")
    # The page never names a folder: it asks for the number of an episode, and its key is one of these.
    known = {path.parent.name: path.parent for path in folder.glob(f"*/{EPISODE}")}

    def verdict(key: str) -> dict[str, Any]:
        if key not in known:
            return {"text": "This episode was not judged."}
        trace = read_episode(known[key], pictures=False).trace
        if not trace.rulings:
            return {"text": "No verdict was given."}
        final = trace.rulings[-1]
        progress = f"progress {final.progress:.2f}" if final.progress == final.progress else "progress not known"
        mode = f", {final.failure_mode.name}" if final.failure_mode else ""
        onset = f" from {final.onset_s:.1f} s" if final.onset_s is not None else ""
        return {"text": f"{final.state.name}{mode}{onset}, {progress}. {final.reason}"}

    return verdict
