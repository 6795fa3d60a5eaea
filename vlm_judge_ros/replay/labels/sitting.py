"""One rater at work: what comes next, what was said, what is taken back."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.labels import LabelFile
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode

MOST_PAIRS = 2000


@dataclass(frozen=True, slots=True)
class Item:
    """What is labelled at one go: an episode, or two of one task side by side.

    Attributes:
        episodes: places of one or two episodes in `Sitting.episodes`.
        keys: their keys.
    """

    episodes: tuple[int, ...]
    keys: tuple[str, ...]


class Sitting:
    """The items in an order that says nothing of them, and the file of labels.

    Args:
        episodes: all that may be shown.
        file: where labels go; those of the rater that it has are done.
        rater: who labels.
        in_pairs: whether episodes are compared instead of judged.
        seed: of the order; the same seed and episodes give the same order.

    Raises:
        JudgeError: there is nothing to label, or the file cannot be read.
    """

    def __init__(
        self, episodes: Sequence[RecordedEpisode], file: LabelFile, rater: str, in_pairs: bool, seed: int
    ) -> None:
        self.episodes = tuple(episodes)
        self.rater = rater
        self.in_pairs = in_pairs
        self.items = _pairs(episodes, seed) if in_pairs else _singles(episodes, seed)
        if not self.items:
            what = "two episodes of the same task to compare" if in_pairs else "episodes to label"
            raise JudgeError(f"There are no {what}; name further recordings.")
        self._file = file
        self._taken_back: list[tuple[int, Label, tuple[Label, ...]]] = []
        self._lock = threading.Lock()
        file.read()

    def said(self) -> list[Label | None]:
        """What the rater said of each item, None where nothing, in the order of the items.

        Raises:
            JudgeError: the file cannot be read.
        """
        own = [label for label in self._file.read() if label.rater == self.rater]
        if self.in_pairs:
            compared = {label.pair: label for label in own if label.preferred_over}
            return [compared.get(frozenset(item.keys)) for item in self.items]
        judged = {label.episode: label for label in own if label.judges}
        return [judged.get(item.keys[0]) for item in self.items]

    def put(self, item: int, label: Label) -> None:
        """Write what the rater says of an item.

        Raises:
            JudgeError: the file cannot be read or written.
        """
        with self._lock:
            before = tuple(each for each in self._file.read() if _replaced(each, label))
            self._file.put(label)
            self._taken_back.append((item, label, before))

    def undo(self) -> int:
        """Take the newest label of this sitting back, and put what it replaced in its place; returns its item.

        Raises:
            JudgeError: nothing was said in this sitting, or the file cannot be read or written.
        """
        with self._lock:
            if not self._taken_back:
                raise JudgeError("Nothing was saved in this sitting that could be taken back; go to the episode.")
            item, label, before = self._taken_back[-1]
            self._file.remove(label)
            for each in before:
                self._file.put(each)
            self._taken_back.pop()
            return item


def _replaced(old: Label, new: Label) -> bool:
    same = (new.judges and old.judges and old.episode == new.episode) or (new.preferred_over and old.pair == new.pair)
    return old.rater == new.rater and bool(same)


def _singles(episodes: Sequence[RecordedEpisode], seed: int) -> tuple[Item, ...]:
    keys = {episode.description.key: place for place, episode in enumerate(episodes)}
    items = [Item((keys[key],), (key,)) for key in sorted(keys)]
    random.Random(seed).shuffle(items)
    return tuple(items)


def _pairs(episodes: Sequence[RecordedEpisode], seed: int) -> tuple[Item, ...]:
    """Pairs of episodes of one task, the sides drawn too; a random part of them where there are very many."""
    tasks: dict[str, list[tuple[str, int]]] = {}
    for place, episode in enumerate(episodes):
        tasks.setdefault(episode.description.task, []).append((episode.description.key, place))
    chance = random.Random(seed)
    chosen: list[tuple[tuple[str, int], tuple[str, int]]] = []
    for seen, pair in enumerate(pair for task in sorted(tasks) for pair in combinations(sorted(tasks[task]), 2)):
        if len(chosen) < MOST_PAIRS:
            chosen.append(pair)
        elif (place := chance.randrange(seen + 1)) < MOST_PAIRS:
            chosen[place] = pair
    chance.shuffle(chosen)
    sides = [pair if chance.random() < 0.5 else pair[::-1] for pair in chosen]
    return tuple(Item((left[1], right[1]), (left[0], right[0])) for left, right in sides)
