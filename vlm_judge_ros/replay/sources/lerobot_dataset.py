"""From the folder of a LeRobot dataset to its episodes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.camera_names import choose_cameras
from vlm_judge_ros.replay.sources.episode_selection import EpisodeSelection
from vlm_judge_ros.replay.sources.joint_unit import JointUnit
from vlm_judge_ros.replay.sources.lerobot_episode import LeRobotEpisode, Signals
from vlm_judge_ros.replay.sources.lerobot_info import ACTION, INFO, STATE, DatasetInfo
from vlm_judge_ros.replay.sources.lerobot_rows import episode_rows
from vlm_judge_ros.replay.sources.lerobot_tables import EpisodeEntry, episode_entries
from vlm_judge_ros.replay.sources.lerobot_truth import TruthReader, truth_columns
from vlm_judge_ros.replay.sources.recorded_episode import DatasetPlace, EpisodeDescription, Unreadable, usable_key
from vlm_judge_ros.replay.sources.score_column import ScoreColumn

HOUR_NS = 3_600 * 10**9
"""Datasets hold no dates: episode n starts n + 1 hours after 1 January 1970, so that clocks rise between episodes."""

_MOST_HOURS = 500_000


@dataclass(frozen=True, slots=True)
class DatasetOptions:
    """What a person says of a dataset.

    Attributes:
        task: the instruction; empty takes that of each episode.
        cameras: name of a camera to its column; empty guesses where one alone or a pair leaves no doubt.
        episodes: which ones.
        joint_unit: unit of `observation.state`.
        chunk_s: the recorded actions are announced so many seconds at a time; 0 where they are not told.
        truth_columns: columns that say how episodes went; empty takes `next.success` where there is one.
        score_columns: columns in which people scored episodes; None takes the usual names where there are such columns.
    """

    task: str = ""
    cameras: Mapping[str, str] = field(default_factory=dict)
    episodes: EpisodeSelection = field(default_factory=EpisodeSelection)
    joint_unit: JointUnit = JointUnit.RAD
    chunk_s: float = 0.0
    truth_columns: tuple[str, ...] = ()
    score_columns: tuple[ScoreColumn, ...] | None = None


def is_dataset(path: Path) -> bool:
    """Whether a folder is one of a LeRobot dataset."""
    return (path / INFO).is_file()


def dataset_episodes(root: Path, options: DatasetOptions | None = None) -> Iterator[LeRobotEpisode | Unreadable]:
    """The episodes of a dataset; in place of one that cannot be judged, why.

    Args:
        root: the folder with `meta/`.
        options: what is said of it.

    Raises:
        JudgeError: nothing of the dataset can be judged, or no more of it.
    """
    options = options or DatasetOptions()
    info = DatasetInfo.read(root)
    cameras = choose_cameras(list(info.cameras), options.cameras, f"The dataset {root}", "--camera")
    signals = _signals(info, options)
    truths = TruthReader(info, truth_columns(info, options.truth_columns), options.score_columns)
    unit_seems_right = not signals.joints
    numbers: list[int] = []
    wanted = 0
    for entry in episode_entries(root, info):
        numbers.append(entry.number)
        if entry.number not in options.episodes:
            continue
        wanted += 1
        unit_seems_right = unit_seems_right or _unit_seems_right(entry, signals)
        try:
            yield _episode(root, info, entry, cameras, signals, options, truths)
        except JudgeError as error:
            yield Unreadable(f"{root}, episode {entry.number}", str(error))
    missing = options.episodes.missing(numbers)
    if missing:
        raise JudgeError(f"The dataset {root} has no episode {missing[0]}; it has {len(numbers)} episodes.")
    if not wanted:
        raise JudgeError(f"The dataset {root} has {len(numbers)} episodes, and none of those that are wanted.")


def _episode(
    root: Path,
    info: DatasetInfo,
    entry: EpisodeEntry,
    cameras: Mapping[str, str],
    signals: Signals,
    options: DatasetOptions,
    truths: TruthReader,
) -> LeRobotEpisode:
    if entry.length < 1:
        raise JudgeError(f"Episode {entry.number} of {root} has no rows; leave it out.")
    task = options.task or (entry.tasks[0] if entry.tasks else "")
    if not task:
        raise JudgeError(f"Episode {entry.number} of {root} has no task; give the instruction with --task.")
    if not options.task and len(entry.tasks) > 1:
        raise JudgeError(
            f"Episode {entry.number} of {root} has {len(entry.tasks)} tasks ({'; '.join(entry.tasks)[:200]}); say with "
            "--task by which it is judged."
        )
    name = f"{root.resolve().name}_episode_{entry.number:06d}"
    started_ns = (entry.number % _MOST_HOURS + 1) * HOUR_NS
    duration_s = (entry.length - 1) / info.fps
    known = truths.read(entry, duration_s, name, task)
    description = EpisodeDescription(
        key=usable_key(name),
        name=name,
        task=task,
        origin=f"{root}, episode {entry.number}",
        cameras=tuple(cameras),
        started_ns=started_ns,
        ended_ns=started_ns + round(duration_s * 1e9),
        truth=known.truth,
        true_progress=known.progress,
        scores=known.scores,
        place=DatasetPlace(root.resolve().name, entry.number, entry.first_index),
    )
    return LeRobotEpisode(description, entry, info.fps, dict(cameras), signals)


def _signals(info: DatasetInfo, options: DatasetOptions) -> Signals:
    """Which numbers are told, the same for all episodes."""
    joints: tuple[str, ...] = ()
    state = info.features.get(STATE)
    if state is not None and len(state.shape) == 1 and options.joint_unit is not JointUnit.NONE:
        joints = state.element_names("state")
    actions: tuple[str, ...] = ()
    if options.chunk_s > 0.0:
        action = info.features.get(ACTION)
        if action is None or len(action.shape) != 1:
            raise JudgeError("The dataset has no action of one vector per row; leave out --chunk-s.")
        actions = action.element_names("action")
    return Signals(joints, options.joint_unit, actions, max(1, round(options.chunk_s * info.fps)))


def _unit_seems_right(entry: EpisodeEntry, signals: Signals) -> bool:
    """Ask once, before anything is judged, rather than fail at each episode. False where the episode cannot be read.

    Raises:
        JudgeError: its joints cannot be in the unit.
    """
    largest = [0.0]
    try:
        for row in episode_rows(entry, [STATE]):
            held = row[STATE] if isinstance(row[STATE], list) else [row[STATE]]
            numbers = [abs(float(number)) for number in held if isinstance(number, (int, float))]
            largest = [max([*largest, *(number for number in numbers if math.isfinite(number))])]
    except JudgeError:
        return False  # the episode itself will say why
    signals.unit.check(largest, f"{STATE} of {entry.data}")
    return True
