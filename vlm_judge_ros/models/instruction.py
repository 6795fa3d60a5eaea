"""Instructions as numbers, and whether an instruction is one that a model was trained on."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

VECTOR_SIZE = 512

# "close the window" has "window" in common with "open the window" and means the opposite: about half of its weight.
_LEAST_SHARE = 0.85
# "drawer" alone may mean to open it or to close it.
_LEAST_TELLING_WORDS = 2

_WORD = re.compile(r"[a-z0-9]+")
_BEFORE_ACTIONS = {"and", "then", "to"}
_NO_ACTIONS = {"a", "an", "it", "its", "the", "them"}


def words(instruction: str) -> frozenset[str]:
    """The words of an instruction, lower case, without punctuation."""
    return frozenset(_WORD.findall(instruction.lower()))


def actions(instruction: str) -> frozenset[str]:
    """The words where an instruction names what to do: at its beginning and after "and", "then" and "to"."""
    told = _WORD.findall(instruction.lower())
    return frozenset(word for before, word in pairwise(["and", *told]) if before in _BEFORE_ACTIONS) - _NO_ACTIONS


def instruction_vector(instruction: str) -> NDArray[np.float32]:
    """Hash the words of an instruction into a vector of unit length (feature hashing, Weinberger et al. 2009).

    Returns:
        Array of shape (512,); zeros where the instruction has no words.
    """
    vector = np.zeros(VECTOR_SIZE, dtype=np.float32)
    for word in words(instruction):
        vector[zlib.crc32(word.encode()) % VECTOR_SIZE] = 1.0
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector


def familiarity(instruction: str, known: Iterable[str]) -> float:
    """Share of words that an instruction has in common with the nearest known one (Jaccard index), 0 to 1."""
    asked = words(instruction)
    best = 0.0
    for candidate in known:
        other = words(candidate)
        union = asked | other
        if union:
            best = max(best, len(asked & other) / len(union))
    return best


class TaskWords:
    """Tells by its words which of the known tasks an instruction means.

    A word weighs the more the fewer tasks it occurs in (inverse document frequency, Sparck Jones 1972), and one that
    occurs in none weighs most. An instruction means the task whose wordings together hold nearly all of its weight and
    name all that it says to do: the wordings of "unlock the door" speak of a lock, and never say to lock. Words alone
    cannot tell everything: their order and negations within a task's own vocabulary go unnoticed.

    Args:
        wordings: of each task, by its name.
    """

    def __init__(self, wordings: Mapping[str, Iterable[str]]) -> None:
        told = {task: tuple(texts) for task, texts in wordings.items()}
        self._vocabularies = {task: frozenset().union(*map(words, texts)) for task, texts in told.items()}
        self._actions = {task: frozenset().union(*map(actions, texts)) for task, texts in told.items()}
        self._tasks_with = Counter(word for vocabulary in self._vocabularies.values() for word in vocabulary)

    def task_of(self, instruction: str) -> str | None:
        """Name of the task that is meant; None where it is none of them, or too little is said."""
        asked = words(instruction)
        telling = [word for word in asked if 2 * self._tasks_with[word] <= len(self._vocabularies)]
        if len(telling) < _LEAST_TELLING_WORDS:
            return None
        whole = sum(map(self._weight, asked))
        shares = {
            task: sum(map(self._weight, asked & vocabulary)) / whole
            for task, vocabulary in self._vocabularies.items()
            if actions(instruction) <= self._actions[task]
        }
        nearest = max(shares, key=lambda task: shares[task], default=None)
        return nearest if nearest is not None and shares[nearest] >= _LEAST_SHARE else None

    def _weight(self, word: str) -> float:
        return math.log((len(self._vocabularies) + 1.0) / (self._tasks_with[word] + 0.5))
