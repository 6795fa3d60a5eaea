"""What all raters together say of each episode."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.replay.labels.label import Label

Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True)
class PeopleSay:
    """What the raters of one episode say. None: nobody says it, or as many say one thing as another.

    Attributes:
        episode: key of the episode.
        score: mean of their scores, 0 to 1.
        success: what most say.
        failure_mode: what most say; NONE for a success.
        onset_s: median, in seconds from the start of the episode.
        raters: their names in order of name; one without a name is empty.
        notes: what they noted, in the order of the file.
    """

    episode: str
    score: float | None
    success: bool | None
    failure_mode: FailureMode | None
    onset_s: float | None
    raters: tuple[str, ...]
    notes: tuple[str, ...]


def people_say(labels: Sequence[Label]) -> Mapping[str, PeopleSay]:
    """By key of the episode, in the order in which they first appear."""
    judgements: dict[str, list[Label]] = {}
    for label in labels:
        if label.judges:
            judgements.setdefault(label.episode, []).append(label)
    return {episode: _together(episode, said) for episode, said in judgements.items()}


def preferences(labels: Sequence[Label]) -> Mapping[tuple[str, str], float]:
    """What most raters prefer, by pair of keys in order of name: 1 for the first, -1 for the second, 0 for none."""
    votes: dict[tuple[str, str], int] = {}
    for label in labels:
        if label.preferred_over:
            first, second = sorted(label.pair)
            vote = 0 if label.is_tie else 1 if label.episode == first else -1
            votes[first, second] = votes.get((first, second), 0) + vote
    return {pair: float((vote > 0) - (vote < 0)) for pair, vote in votes.items()}


def preferences_of(labels: Sequence[Label]) -> Mapping[str, Mapping[str, float]]:
    """The same for each episode that was compared: by key of the other one 1 where it is better, -1 where worse."""
    found: dict[str, dict[str, float]] = {}
    for (first, second), vote in preferences(labels).items():
        found.setdefault(first, {})[second] = vote
        found.setdefault(second, {})[first] = -vote
    return found


def mode_of(label: Label) -> FailureMode | None:
    """The failure mode that a label says; NONE for a success."""
    return FailureMode.NONE if label.success is True else label.failure_mode


def _together(episode: str, said: Sequence[Label]) -> PeopleSay:
    scores = [label.score for label in said if label.score is not None]
    onsets = [label.onset_s for label in said if label.onset_s is not None]
    return PeopleSay(
        episode=episode,
        score=statistics.fmean(scores) if scores else None,
        success=_most(label.success for label in said),
        failure_mode=_most(mode_of(label) for label in said),
        onset_s=statistics.median(onsets) if onsets else None,
        raters=tuple(sorted({label.rater for label in said})),
        notes=tuple(label.note for label in said if label.note),
    )


def _most(choices: Iterable[Choice | None]) -> Choice | None:
    counted = Counter(choice for choice in choices if choice is not None).most_common(2)
    if not counted or (len(counted) == 2 and counted[0][1] == counted[1][1]):
        return None
    return counted[0][0]
