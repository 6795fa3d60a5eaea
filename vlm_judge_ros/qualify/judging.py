"""Asks a judge about labelled episodes and their controls, into a folder that holds both."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.qualify.control_run import ControlRun
from vlm_judge_ros.qualify.known_truth import known_truth
from vlm_judge_ros.qualify.qualified_episode import Control
from vlm_judge_ros.qualify.wording import few
from vlm_judge_ros.qualify.wrong_task import instructions
from vlm_judge_ros.replay.labels.labels import read_labels
from vlm_judge_ros.replay.labels.people import people_say, preferences_of
from vlm_judge_ros.replay.outputs.report_page import LABELS
from vlm_judge_ros.replay.scoring.batch import judge_found
from vlm_judge_ros.replay.scoring.judge_arguments import judge_parameters, made_with
from vlm_judge_ros.replay.scoring.result_folder import ResultFolder
from vlm_judge_ros.replay.scoring.run_result import RunResult
from vlm_judge_ros.replay.scoring.scorer import ScoringSettings
from vlm_judge_ros.replay.sources.find import Found, find_episodes
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription
from vlm_judge_ros.replay.sources.source_arguments import find_options

DEFAULT_CONTROLS = ",".join(control.value for control in Control)
NONE = "none"


def controls_named(text: str) -> tuple[Control, ...]:
    """The controls that a person names, in their usual order.

    Raises:
        JudgeError: there is no such control.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == [NONE]:
        return ()
    known_names = [control.value for control in Control]
    for name in names:
        if name not in known_names:
            raise JudgeError(f"There is no control {name!r}; choose from {', '.join(known_names)}, or {NONE}.")
    if not names:
        raise JudgeError(f"--controls names nothing; choose from {', '.join(known_names)}, or {NONE}.")
    return tuple(control for control in Control if control.value in names)


def judge_labelled(arguments: argparse.Namespace, controls: tuple[Control, ...]) -> tuple[RunResult, tuple[str, ...]]:
    """Judge the episodes of which something is known, each together with its controls.

    Args:
        arguments: of the command.
        controls: those that are shown.

    Returns:
        What came of it, and the keys of the episodes of which nothing is known.

    Raises:
        JudgeError: nothing can be judged as it was asked for.
    """
    parameters, options, out = judge_parameters(arguments), find_options(arguments), Path(arguments.out)
    wrong_tasks: tuple[str, ...] = tuple(arguments.wrong_task)
    asked = {
        **made_with(parameters, options),
        "controls": [control.value for control in controls],
        "wrong_tasks": list(wrong_tasks),
    }
    with ResultFolder(out, asked, arguments.resume) as results:
        found = find_episodes(arguments.paths, options)
        labels: Path | None = arguments.labels
        if labels is None and (out / LABELS).is_file():
            labels = out / LABELS
        labelled, unlabelled = _labelled(found, labels)
        tasks = instructions(episode.description for episode in found.episodes)
        further = ControlRun(controls, tasks, wrong_tasks)
        settings = ScoringSettings(results.path.resolve(), (), parameters, further)
        result = judge_found(labelled, results, settings, arguments.jobs, arguments.engine)
        result.write(results.path)
    return result, unlabelled


def _labelled(found: Found, labels: Path | None) -> tuple[Found, tuple[str, ...]]:
    said = read_labels(labels) if labels is not None else ()
    people, compared = people_say(said), preferences_of(said)
    keys = [episode.description.key for episode in found.episodes]
    strangers = [key for key in dict.fromkeys((*people, *compared)) if key not in keys]
    if strangers and labels is not None:
        print(f"vlm-judge: {labels} labels episodes that are not here: {few(strangers)}", file=sys.stderr)

    def is_known(description: EpisodeDescription) -> bool:
        truth = known_truth(description.truth, description.true_progress, people.get(description.key))
        return truth.anything or description.key in compared

    chosen = tuple(episode for episode in found.episodes if is_known(episode.description))
    there = {episode.description.key for episode in chosen}
    unlabelled = tuple(key for key in keys if key not in there)
    if unlabelled:
        print(
            f"vlm-judge: nothing is known of {len(unlabelled)} of {len(keys)} episodes, which are not judged: "
            f"{few(unlabelled)}",
            file=sys.stderr,
        )
    if not chosen and not found.unreadable:
        raise JudgeError(
            "Nothing is known of any of these episodes; label some with `vlm-judge label` and give the file with "
            "--labels."
        )
    return replace(found, episodes=chosen), unlabelled
