"""The recorded episodes that come with the package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.topics import TRUE_EPISODE
from vlm_judge_ros.replay.truth import EpisodeTruth

FOLDER = Path(__file__).parents[1] / "data" / "episodes"

PREFERRED_FAILURE = "OBJECT_DROPPED"
"""What the demo shows where it has the choice: everybody sees when it happens."""


def bundled_episodes(folder: Path = FOLDER) -> Mapping[str, Path]:
    """Name and bag of each bundled episode, in order of name."""
    return {path.parent.name: path.parent for path in sorted(folder.glob("*/metadata.yaml"))}


def bundled_episode(name: str, folder: Path = FOLDER) -> Path:
    """The bag of one bundled episode.

    Raises:
        JudgeError: there is none of this name.
    """
    episodes = bundled_episodes(folder)
    if name not in episodes:
        raise JudgeError(f"There is no bundled episode {name!r}; choose one of {', '.join(episodes) or 'none'}.")
    return episodes[name]


def read_truth(bag: Bag, start_ns: int | None = None, stop_ns: int | None = None) -> EpisodeTruth | None:
    """How the episode in a bag, or in a stretch of it, really went; None where the bag does not say.

    Raises:
        JudgeError: what the bag says cannot be read.
    """
    for _, data in bag.fields(TRUE_EPISODE, "data", start_ns, stop_ns):
        return EpisodeTruth.parse(str(data))
    return None


def demo_episodes(folder: Path = FOLDER) -> tuple[str, str]:
    """Names of a success and a failure, of the same task where there are such.

    Raises:
        JudgeError: the package lacks them.
    """
    truths: dict[str, EpisodeTruth] = {}
    for name, path in bundled_episodes(folder).items():
        with Bag(path) as bag:
            truth = read_truth(bag)
        if truth is not None:
            truths[name] = truth
    failures = [name for name, truth in truths.items() if truth.outcome == "failure"]
    successes = [name for name, truth in truths.items() if truth.outcome == "success"]
    if not successes or not failures:
        raise JudgeError(f"{folder} lacks a success or a failure; install the package anew, or name a bag with --bag.")
    failure = min(failures, key=lambda name: truths[name].label != PREFERRED_FAILURE)
    success = min(successes, key=lambda name: truths[name].task != truths[failure].task)
    return success, failure
